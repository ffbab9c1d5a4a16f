//! Sockets that are open and mostly quiet.

use fastrand::Rng;
use serde::{Deserialize, Serialize};

use crate::client::Load;
use crate::requests::Ask;
use crate::{Outcome, block_on, child};

/// What the client does: as many sockets as the load has connections, each of which makes these
/// requests once, one kind when told to, then the next.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Crowd {
    pub(crate) load: Load,
    pub(crate) steps: Vec<Ask>,
}

/// Opens the sockets, says so, and goes a step each time it is told to.
pub(crate) fn run(crowd: &Crowd) -> Outcome<()> {
    let load = &crowd.load;
    block_on(async {
        let mut channels = Vec::new();
        for _ in 0..load.connections {
            channels.push(load.connect().await?);
        }
        let (mut rng, mut text) = (Rng::with_seed(load.seed), Vec::new());
        for ask in &crowd.steps {
            child::ready("")?;
            for channel in &mut channels {
                text.clear();
                let expected = ask.write(&mut text, 1, &mut rng, load.rows, "");
                let answer = channel.ask(&text).await?;
                ask.check(&answer, expected, load.rows, load.look)?;
            }
        }
        // Until the other side ends its input.
        child::ready("")
    })
}
