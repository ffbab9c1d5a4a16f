//! The load client: connections that always have the same number of requests under way, and look
//! at every answer.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use fastrand::Rng;
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;

use crate::child::{self, Measured};
use crate::post::Post;
use crate::requests::{Ask, Expected};
use crate::statistics::{self, Times};
use crate::wire::{Channel, Socket};
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
    pub(crate) over: Over,
    /// Of [`Ask::Behind`]; empty for others.
    pub(crate) cursor: String,
}

/// What carries requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Over {
    Socket,
    Post,
}

/// How an answer is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Look {
    /// It comes from an echo, and has its length.
    Length,
    /// It is right: its id, its length, its number of rows, the first and the last of them.
    Ends,
    /// Each of its rows is looked at.
    Each,
    /// Every byte of it is right.
    Fully,
}

impl Load {
    /// A connection as this load needs it.
    pub(crate) async fn connect(&self) -> Outcome<Channel> {
        let protocol = if self.ask == Ask::Tool {
            "mcp"
        } else {
            "lucarne"
        };
        Ok(match self.over {
            Over::Socket => Channel::Socket(Socket::connect(&self.address, protocol).await?),
            Over::Post => Channel::Post(Post::connect(&self.address).await?),
        })
    }
}

/// Connects, says so, and loads when told to.
pub(crate) fn run(load: &Load) -> Outcome<()> {
    block_on(async {
        let mut channels = Vec::new();
        for _ in 0..load.connections {
            channels.push(load.connect().await?);
        }
        child::ready("")?;
        let begun = Instant::now();
        let until = begun + Duration::from_secs_f64(load.seconds);
        let times = Arc::new(Mutex::new(statistics::times()?));
        let mut tasks = JoinSet::new();
        for (index, channel) in channels.into_iter().enumerate() {
            let seed = load.seed.wrapping_mul(1_000_003) + index as u64;
            let times = Arc::clone(&times);
            tasks.spawn(converse(channel, load.clone(), until, seed, times));
        }
        while let Some(ended) = tasks.join_next().await {
            ended??;
        }
        let took = begun.elapsed();
        child::done(&Measured::new(&statistics::lock(&times), took))
    })
}

/// Keeps the requests of one connection under way until it is time, and waits for the last answer.
async fn converse(
    mut channel: Channel,
    load: Load,
    until: Instant,
    seed: u64,
    times: Arc<Mutex<Times>>,
) -> Outcome<()> {
    let mut rng = Rng::with_seed(seed);
    let mut under_way: VecDeque<(Instant, Expected)> = VecDeque::new();
    let (mut text, mut id) = (Vec::new(), 0);
    let length = load.ask.length();
    loop {
        let now = Instant::now();
        while now < until && under_way.len() < load.in_flight {
            id += 1;
            text.clear();
            let expected = load
                .ask
                .write(&mut text, id, &mut rng, load.rows, &load.cursor);
            channel.push(&text);
            under_way.push_back((now, expected));
        }
        if under_way.is_empty() {
            return Ok(());
        }
        channel.flush().await?;
        channel.fill().await?;
        while let Some(answer) = channel.take()? {
            let (sent, expected) = under_way.pop_front().ok_or("an answer to no request")?;
            match load.look {
                Look::Length if answer.len() == length => {}
                Look::Length => return Err("an echo of another length".into()),
                look => load.ask.check(answer, expected, load.rows, look)?,
            }
            statistics::lock(&times).saturating_record(sent.elapsed().as_micros() as u64);
        }
    }
}
