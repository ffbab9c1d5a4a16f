//! A client that asks at a fixed rate, whether answers come or not.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use fastrand::Rng;
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;
use tokio::time::sleep_until;

use crate::child::{self, Measured};
use crate::client::Load;
use crate::statistics::{self, Times};
use crate::wire::Channel;
use crate::{Outcome, block_on};

/// A clock that is late by less does not count as a wait: the runtime's goes by milliseconds.
const LATE: Duration = Duration::from_millis(2);

/// What the client does.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Paced {
    pub(crate) load: Load,
    /// Requests a second, over all connections.
    pub(crate) rate: f64,
    /// How many times it tells what came out until then, at equal distances.
    pub(crate) laps: u32,
}

/// What came out since the lap before.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Lap {
    pub(crate) measured: Measured,
    /// Wrong answers until now.
    pub(crate) wrong: u64,
}

/// Connects, says so, asks when told to, and tells each lap.
pub(crate) fn run(paced: &Paced) -> Outcome<()> {
    block_on(async {
        let mut channels = Vec::new();
        for _ in 0..paced.load.connections {
            channels.push(paced.load.connect().await?);
        }
        child::ready("")?;
        let begun = Instant::now();
        let times = Arc::new(Mutex::new(statistics::times()?));
        let wrong = Arc::new(AtomicU64::new(0));
        let mut tasks = JoinSet::new();
        for (index, channel) in channels.into_iter().enumerate() {
            let asking = Asking {
                channel,
                paced: paced.clone(),
                begun,
                index: index as u32,
                times: Arc::clone(&times),
                wrong: Arc::clone(&wrong),
            };
            tasks.spawn(asking.run());
        }
        let each = Duration::from_secs_f64(paced.load.seconds) / paced.laps;
        for lap in 1..=paced.laps {
            // A connection that failed ends all of it.
            tokio::select! {
                () = sleep_until((begun + each * lap).into()) => {}
                Some(ended) = tasks.join_next() => {
                    ended??;
                    sleep_until((begun + each * lap).into()).await;
                }
            }
            let measured = {
                let mut times = statistics::lock(&times);
                let measured = Measured::new(&times, each);
                times.reset();
                measured
            };
            let wrong = wrong.load(Ordering::Relaxed);
            child::tell(&Lap { measured, wrong })?;
        }
        while let Some(ended) = tasks.join_next().await {
            ended??;
        }
        child::done(&wrong.load(Ordering::Relaxed))
    })
}

/// One connection.
struct Asking {
    channel: Channel,
    paced: Paced,
    begun: Instant,
    index: u32,
    times: Arc<Mutex<Times>>,
    wrong: Arc<AtomicU64>,
}

impl Asking {
    async fn run(mut self) -> Outcome<()> {
        let load = &self.paced.load;
        let step = Duration::from_secs_f64(load.connections as f64 / self.paced.rate);
        let until = self.begun + Duration::from_secs_f64(load.seconds);
        let mut due = self.begun + step * self.index / load.connections as u32;
        let mut rng = Rng::with_seed(load.seed.wrapping_mul(1_000_003) + u64::from(self.index));
        let mut under_way = VecDeque::new();
        let (mut text, mut id) = (Vec::new(), 0);
        loop {
            let now = Instant::now();
            while due <= now && due < until {
                id += 1;
                text.clear();
                let expected = load
                    .ask
                    .write(&mut text, id, &mut rng, load.rows, &load.cursor);
                self.channel.push(&text);
                let from = if now - due < LATE { now } else { due };
                under_way.push_back((from, expected));
                due += step;
            }
            self.channel.flush().await?;
            if due >= until && under_way.is_empty() {
                return Ok(());
            }
            tokio::select! {
                filled = self.channel.fill(), if !under_way.is_empty() => filled?,
                () = sleep_until(due.into()), if due < until => {}
            }
            while let Some(answer) = self.channel.take()? {
                let (from, expected) = under_way.pop_front().ok_or("an answer to no request")?;
                if let Err(fault) = load.ask.check(answer, expected, load.rows, load.look) {
                    eprintln!("{fault}");
                    self.wrong.fetch_add(1, Ordering::Relaxed);
                }
                let micros = from.elapsed().as_micros() as u64;
                statistics::lock(&self.times).saturating_record(micros);
            }
        }
    }
}
