//! The load client: connections that always have the same number of requests under way, and look
//! at every answer.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use fastrand::Rng;
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;

use crate::child::{self, Measured};
use crate::requests::{Ask, Expected};
use crate::statistics::{self, Times};
use crate::wire::Socket;
use crate::{Outcome, block_on};

/// What the client does.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Load {
    pub(crate) address: String,
    pub(crate) ask: Ask,
    pub(crate) connections: u64,
    /// Requests under way on each connection.
    pub(crate) in_flight: usize,
    pub(crate) seconds: f64,
    /// Rows of the table.
    pub(crate) rows: u64,
    pub(crate) seed: u64,
    pub(crate) look: Look,
}

/// How an answer is looked at.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Look {
    /// It comes from an echo, and has its length.
    Length,
    /// It is right: its id, its length, its number of rows, the first and the last of them.
    Ends,
    /// Every byte of it is right.
    Fully,
}

/// Connects, says so, and loads when told to.
pub(crate) fn run(load: &Load) -> Outcome<()> {
    block_on(async {
        let mut sockets = Vec::new();
        for _ in 0..load.connections {
            sockets.push(Socket::connect(&load.address, "lucarne").await?);
        }
        child::ready("")?;
        let begun = Instant::now();
        let until = begun + Duration::from_secs_f64(load.seconds);
        let mut tasks = JoinSet::new();
        for (index, socket) in sockets.into_iter().enumerate() {
            let seed = load.seed.wrapping_mul(1_000_003) + index as u64;
            tasks.spawn(converse(socket, load.clone(), until, seed));
        }
        let mut times = statistics::times()?;
        while let Some(part) = tasks.join_next().await {
            times.add(part??)?;
        }
        child::done(&Measured::new(&times, begun.elapsed()))
    })
}

/// Keeps the requests of one connection under way until it is time, and waits for the last answer.
async fn converse(mut socket: Socket, load: Load, until: Instant, seed: u64) -> Outcome<Times> {
    let mut rng = Rng::with_seed(seed);
    let mut times = statistics::times()?;
    let mut under_way: VecDeque<(Instant, Expected)> = VecDeque::new();
    let (mut text, mut id) = (Vec::new(), 0);
    let length = load.ask.length();
    loop {
        let now = Instant::now();
        while now < until && under_way.len() < load.in_flight {
            id += 1;
            text.clear();
            let expected = load.ask.write(&mut text, id, &mut rng, load.rows);
            socket.push(&text);
            under_way.push_back((now, expected));
        }
        if under_way.is_empty() {
            return Ok(times);
        }
        socket.flush().await?;
        socket.fill().await?;
        while let Some(answer) = socket.take()? {
            let (sent, expected) = under_way.pop_front().ok_or("an answer to no request")?;
            match load.look {
                Look::Length if answer.len() == length => {}
                Look::Length => return Err("an echo of another length".into()),
                Look::Ends => load.ask.check(answer, expected, load.rows, false)?,
                Look::Fully => load.ask.check(answer, expected, load.rows, true)?,
            }
            times.saturating_record(sent.elapsed().as_micros() as u64);
        }
    }
}
