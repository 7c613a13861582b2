//! What a playtest is to be.

use std::collections::BTreeMap;
use std::time::Duration;

use super::playtest::Playtest;
use crate::engine::RoomCounters;
use crate::engine::link::Profile;
use crate::tick::{Tick, TickRate};
use crate::wire::Features;

/// The parameters of a playtest: the same plan and the same calls produce the same run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Seed of all randomness: the game's, the links', and when within a tick clients sample their input.
    pub seed: u64,
    /// Ticks per second.
    pub rate: TickRate,
    /// The link of every player, unless [`Playtest::link`] changes it; [`Profile::default`] is a perfect one. With datagrams,
    /// frames and acknowledgements are sent as such.
    pub link: Profile,
    /// What clients know beyond the core of the protocol.
    pub features: Features,
    /// Options of the room.
    pub options: BTreeMap<String, String>,
    /// Whether sessions are ended that send or acknowledge nothing for too long, as on a server.
    pub patience: bool,
    /// How long seats are held for disconnected players; zero holds none.
    pub hold: Duration,
    /// How long a player may be idle; zero means forever.
    pub idle_after: Duration,
    /// How many bytes per second the server may send to a player of a large world; 0 for any number.
    pub budget: u32,
    /// If the game is saved, a second room is restored from a checkpoint of the room after every so many ticks, and must go
    /// on as the original does; zero for never. See [`check_saves`](super::check_saves).
    pub checkpoint_every: u32,
    /// With a journal: after how many ticks a record is safe; see [`Playtest::crash`](super::Playtest::crash).
    pub journal: Option<u32>,
    /// Where the room's counters start, for example just [before their wrap](RoomCounters::before_wrap).
    pub counters: RoomCounters,
    /// A fault of the server, for tests of what finds it.
    #[doc(hidden)]
    pub sabotage: Option<Sabotage>,
}

/// A fault that is planted on purpose.
#[doc(hidden)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sabotage {
    /// After a crash, entity ids go on where the safe record ends, though clients may have seen later ones.
    ReusedIds,
    /// What a client is told that comes back, its new resume token included, does not wait for its record.
    EarlyTokens,
}

impl Default for Plan {
    /// 20 Hz, a perfect link, seed 1, a server's patience, no held seats, no journal.
    fn default() -> Self {
        let (rate, link) = (TickRate::DEFAULT, Profile::default());
        let (hold, idle_after, features) = (Duration::ZERO, Duration::ZERO, Features::NONE);
        let (options, budget, checkpoint_every) = (BTreeMap::new(), 0, 0);
        let (journal, counters) = (None, RoomCounters::default());
        let (patience, sabotage) = (true, None);
        Self {
            seed: 1,
            rate,
            link,
            features,
            options,
            patience,
            hold,
            idle_after,
            budget,
            checkpoint_every,
            journal,
            counters,
            sabotage,
        }
    }
}

impl Plan {
    /// Where the frame of a tick is among all frames of the room.
    pub(super) fn index_of(&self, tick: Tick) -> Option<usize> {
        usize::try_from(tick.since(self.counters.tick)).ok()?.checked_sub(1)
    }
}

impl Playtest {
    /// Players who join from now on play over this link.
    pub fn link(&mut self, link: Profile) {
        self.plan.link = link;
    }
}
