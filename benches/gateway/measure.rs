//! A workload against its floors, in turn, and what client, server and database use meanwhile.

use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;

use crate::child::{Measured, Part, Running};
use crate::client::{Load, Look, Over};
use crate::data::Engine;
use crate::echo::Echo;
use crate::floor::Loop;
use crate::pgbench::Run;
use crate::requests::Ask;
use crate::served::Served;
use crate::statistics::median;
use crate::stores::Store;
use crate::workloads::Workload;
use crate::{Options, Outcome, process};

/// Requests that look at every byte before anything is measured, in seconds.
const TRIAL: f64 = 0.4;

/// What one side of a comparison did.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Side {
    /// Answers a second.
    pub(crate) rate: f64,
    /// Microseconds.
    pub(crate) p50: f64,
    /// Microseconds.
    pub(crate) p99: f64,
    /// Microseconds of processor time for each answer: the client, what answers it, and the
    /// database behind that.
    pub(crate) client: f64,
    pub(crate) server: f64,
    pub(crate) database: f64,
}

impl Side {
    /// Microseconds of processor time for each answer, by all of them.
    pub(crate) fn time(&self) -> f64 {
        self.client + self.server + self.database
    }
}

/// One workload in one round.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Round {
    pub(crate) echo: Side,
    pub(crate) floor: Side,
    pub(crate) service: Side,
    /// Resident memory of the service afterwards, in bytes.
    pub(crate) memory: u64,
}

/// One workload on one engine.
#[derive(Debug, Serialize)]
pub(crate) struct Figures {
    pub(crate) engine: Engine,
    pub(crate) workload: &'static str,
    pub(crate) goal: Option<f64>,
    pub(crate) rounds: Vec<Round>,
}

impl Figures {
    /// The median of a figure over the rounds.
    pub(crate) fn of(&self, figure: impl Fn(&Round) -> f64) -> f64 {
        median(self.rounds.iter().map(figure).collect()).unwrap_or(f64::NAN)
    }

    /// The service's rate against the lower one of its floors.
    pub(crate) fn by_rate(&self) -> f64 {
        self.of(|round| round.service.rate / round.echo.rate.min(round.floor.rate))
    }

    /// The processor time of the floors against the service's.
    pub(crate) fn by_time(&self) -> f64 {
        self.of(|round| (round.echo.time() + round.floor.time()) / round.service.time())
    }
}

/// The service on one database.
pub(crate) struct Bench<'a> {
    pub(crate) options: &'a Options,
    // Before the store: the service goes before its database does.
    pub(crate) served: Served,
    pub(crate) store: Store,
    pub(crate) pgbench: Option<PathBuf>,
}

impl Bench<'_> {
    /// Requests of one kind for the service, as one client makes them.
    pub(crate) fn requests(&self, ask: Ask, connections: u64) -> Load {
        Load {
            address: self.served.address.clone(),
            ask,
            over: Over::Socket,
            connections,
            in_flight: 1,
            seconds: self.options.seconds,
            rows: self.store.rows,
            seed: self.options.seed,
            look: Look::Ends,
            cursor: String::new(),
        }
    }

    /// Measures a workload and its floors, in turn, as many times as there are rounds.
    pub(crate) fn compare(&self, workload: &Workload) -> Outcome<Figures> {
        let mut load = Load {
            over: workload.over,
            in_flight: workload.in_flight,
            seconds: TRIAL,
            look: Look::Fully,
            ..self.requests(workload.ask, workload.connections)
        };
        self.load(&load, self.served.id())?;
        load.seconds = self.options.seconds;
        load.look = Look::Ends;
        let mut rounds = Vec::new();
        for round in 0..self.options.rounds {
            load.seed = self.options.seed + 1 + round as u64;
            rounds.push(Round {
                echo: self.echo(&load)?,
                floor: self.floor(workload, load.seed)?,
                service: self.load(&load, self.served.id())?,
                memory: process::memory(self.served.id()),
            });
        }
        Ok(Figures {
            engine: self.store.engine,
            workload: workload.name,
            goal: workload.goal(self.store.engine),
            rounds,
        })
    }

    /// Lets a client load a server.
    pub(crate) fn load(&self, load: &Load, server: u32) -> Outcome<Side> {
        let mut client = Running::start(&Part::Load(load.clone()))?;
        let before = self.times(client.id(), server);
        let audited = self.served.audited();
        client.go()?;
        let measured: Measured = client.result()?;
        let after = self.times(client.id(), server);
        if server == self.served.id() && self.served.audited() == audited {
            return Err("the service has not written its audit".into());
        }
        Ok(side(&measured, before, after))
    }

    fn echo(&self, load: &Load) -> Outcome<Side> {
        let echo = Running::start(&Part::Echo(Echo {
            length: load.ask.length(),
            once: false,
        }))?;
        let load = Load {
            address: echo.said.clone(),
            look: Look::Length,
            over: Over::Socket,
            ..load.clone()
        };
        self.load(&load, echo.id())
    }

    fn floor(&self, workload: &Workload, seed: u64) -> Outcome<Side> {
        let (options, store) = (self.options, &self.store);
        let alone = workload.connections == 1;
        if let (Engine::Postgres, Some(pgbench)) = (store.engine, &self.pgbench) {
            let clients = match (alone, workload.in_flight) {
                (true, _) => 1,
                (_, 1) => 16,
                _ => workload.connections,
            };
            let run = Run {
                url: &store.place,
                ask: workload.ask,
                clients,
                pipelined: workload.in_flight,
                seconds: options.seconds,
                rows: store.rows,
                seed,
            };
            let before = process::time_of_server(store.engine).unwrap_or(0);
            let (measured, client) = run.measure(pgbench)?;
            // Until the server has taken note of the ends of its sessions.
            std::thread::sleep(Duration::from_millis(50));
            let after = process::time_of_server(store.engine).unwrap_or(0);
            return Ok(side(&measured, [0, 0, before], [client, 0, after]));
        }
        let mut floor = Running::start(&Part::Loop(Loop {
            engine: store.engine,
            place: store.place.clone(),
            ask: workload.ask,
            alone,
            seconds: options.seconds,
            rows: store.rows,
            seed,
        }))?;
        let before = self.times(floor.id(), 0);
        floor.go()?;
        let measured: Measured = floor.result()?;
        Ok(side(&measured, before, self.times(floor.id(), 0)))
    }

    /// What client, server and database have used until now.
    pub(crate) fn times(&self, client: u32, server: u32) -> [u64; 3] {
        let database = process::time_of_server(self.store.engine).unwrap_or(0);
        [process::time(client), process::time(server), database]
    }
}

pub(crate) fn side(measured: &Measured, before: [u64; 3], after: [u64; 3]) -> Side {
    let answers = measured.answers as f64;
    let each = |index: usize| after[index].saturating_sub(before[index]) as f64 / answers;
    Side {
        rate: answers / measured.seconds,
        p50: measured.p50 as f64,
        p99: measured.p99 as f64,
        client: each(0),
        server: each(1),
        database: each(2),
    }
}
