//! Connections that come, ask once, and go.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use fastrand::Rng;
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;

use crate::child::{self, Measured};
use crate::client::{Load, Look};
use crate::statistics::{self, Times};
use crate::{Outcome, block_on};

/// What the client does: as many connections at a time as the load has.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Storm {
    pub(crate) load: Load,
}

/// Says that it is ready, and storms when told to.
pub(crate) fn run(storm: &Storm) -> Outcome<()> {
    let load = &storm.load;
    block_on(async {
        child::ready("")?;
        let begun = Instant::now();
        let until = begun + Duration::from_secs_f64(load.seconds);
        let times = Arc::new(Mutex::new(statistics::times()?));
        let mut tasks = JoinSet::new();
        for index in 0..load.connections {
            let seed = load.seed.wrapping_mul(1_000_003) + index;
            tasks.spawn(come_and_go(load.clone(), until, seed, Arc::clone(&times)));
        }
        while let Some(ended) = tasks.join_next().await {
            ended??;
        }
        let took = begun.elapsed();
        child::done(&Measured::new(&statistics::lock(&times), took))
    })
}

async fn come_and_go(
    load: Load,
    until: Instant,
    seed: u64,
    times: Arc<Mutex<Times>>,
) -> Outcome<()> {
    let (mut rng, mut text) = (Rng::with_seed(seed), Vec::new());
    loop {
        let begun = Instant::now();
        if begun >= until {
            return Ok(());
        }
        text.clear();
        let expected = load.ask.write(&mut text, 1, &mut rng, load.rows, "");
        let answer = load.connect().await?.ask(&text).await?;
        match load.look {
            Look::Length if answer.len() == load.ask.length() => {}
            Look::Length => return Err("an echo of another length".into()),
            look => load.ask.check(&answer, expected, load.rows, look)?,
        }
        statistics::lock(&times).saturating_record(begun.elapsed().as_micros() as u64);
    }
}
