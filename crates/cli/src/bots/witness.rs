//! Whether bots of a large world see what they should: bots that rebuild the state say once per second what they see, and are
//! compared with each other. Who is in sight of another at the same tick must be seen by it, at the place where it sees itself.

use std::collections::BTreeMap;

use tickwire::engine::Client;
use tickwire::id::{EntityId, ZoneId};
use tickwire::tick::Tick;
use tickwire::wire::WorldGrid;

use super::sight::Sight;

/// What one bot sees at a tick.
#[derive(Clone, Debug)]
pub struct Statement {
    entity: EntityId,
    /// Its own position, in quanta.
    own: [i32; 2],
    /// How far it should see, in quanta.
    sight: i32,
    /// The positions of all entities of its kind, as far as they are of this tick.
    sees: BTreeMap<EntityId, [i32; 2]>,
    /// Whether it has every zone at this tick.
    is_whole: bool,
}

/// The statements of the last ticks, by room.
#[derive(Debug, Default)]
pub struct Witnesses {
    rooms: BTreeMap<String, BTreeMap<u32, Vec<Statement>>>,
}

/// The result of comparing statements.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Compared {
    /// Pairs of bots in sight of each other.
    pub pairs: u64,
    /// Those of which one did not see the other where it was.
    pub wrong: u64,
    /// The first of them.
    pub first: Option<String>,
}

impl Statement {
    /// What a client sees, whose player has this sight of `grid`; `None` when it does not see itself.
    pub fn of(client: &Client, sight: &Sight, grid: &WorldGrid, is_short: bool) -> Option<Self> {
        let fresh = |zone: &ZoneId| client.zone_tick(*zone) == Some(client.tick());
        let zones = client.zones().iter().filter(|(id, _)| fresh(id)).map(|(_, zone)| zone);
        let sees: BTreeMap<EntityId, [i32; 2]> = zones.flat_map(|zone| sight.peers(zone)).collect();
        let (entity, far) = (sight.entity(), if is_short { grid.sight * 2 / 3 } else { grid.sight });
        let is_whole = client.zones().keys().all(fresh);
        Some(Self { entity, own: *sees.get(&entity)?, sight: far, sees, is_whole })
    }

    fn is_near(&self, other: &Self) -> bool {
        let square = |axis: usize| i64::from(self.own[axis] - other.own[axis]).pow(2);
        square(0) + square(1) <= i64::from(self.sight).pow(2)
    }

    /// What is wrong with how it sees another bot, if anything.
    fn mistake(&self, other: &Self) -> Option<String> {
        match self.sees.get(&other.entity) {
            Some(at) if *at == other.own => None,
            Some(at) => Some(format!("sees entity {} at {at:?}, and it is at {:?}", other.entity.0, other.own)),
            None if self.is_near(other) && self.is_whole => {
                Some(format!("at {:?} does not see entity {} at {:?}", self.own, other.entity.0, other.own))
            }
            None => None,
        }
    }
}

impl Witnesses {
    /// Ticks whose statements are kept: bots get the frame of a tick at about the same time.
    const KEPT: usize = 8;

    /// Compares what a bot sees at a tick with what the others have said of it.
    pub fn hear(&mut self, room: &str, tick: Tick, said: Statement) -> Compared {
        let ticks = self.rooms.entry(room.to_owned()).or_default();
        let others = ticks.entry(tick.0).or_default();
        let mut compared = Compared::default();
        for other in others.iter().filter(|other| other.is_near(&said) || said.is_near(other)) {
            compared.pairs += 1;
            let mistakes = [said.mistake(other), other.mistake(&said)];
            compared.wrong += u64::from(mistakes.iter().any(Option::is_some));
            if let (None, Some(text)) = (&compared.first, mistakes.into_iter().flatten().next()) {
                compared.first = Some(format!("tick {}: {text}", tick.0));
            }
        }
        others.push(said);
        while ticks.len() > Self::KEPT {
            ticks.pop_first();
        }
        compared
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn statement(entity: u32, x: i32, sees: &[(u32, i32)]) -> Statement {
        let all = sees.iter().map(|(id, x)| (EntityId(*id), [*x, 0])).collect();
        Statement { entity: EntityId(entity), own: [x, 0], sight: 100, sees: all, is_whole: true }
    }

    #[test]
    fn who_is_near_must_be_seen_where_they_are() {
        let mut witnesses = Witnesses::default();
        let mut hear = |said| {
            let Compared { pairs, wrong, first } = witnesses.hear("a", Tick(20), said);
            (pairs, wrong, first)
        };
        assert_eq!(hear(statement(1, 0, &[(1, 0), (2, 100)])), (0, 0, None));
        assert_eq!(hear(statement(2, 100, &[(1, 0), (2, 100)])), (1, 0, None));
        assert_eq!(hear(statement(3, 201, &[])), (0, 0, None), "nobody is near");
        let (pairs, wrong, first) = hear(statement(4, 50, &[(1, 0), (2, 101)]));
        assert_eq!((pairs, wrong), (2, 2));
        assert_eq!(first.as_deref(), Some("tick 20: at [0, 0] does not see entity 4 at [50, 0]"));
        let late = Statement { is_whole: false, ..statement(5, 300, &[]) };
        assert_eq!(hear(late), (1, 1, Some("tick 20: at [201, 0] does not see entity 5 at [300, 0]".to_owned())));
    }
}
