//! The games of the demo: the arena (the server moves the avatars, clients predict their own) and the plaza (clients report
//! positions).
//!
//! The demo, the benches, the tests and some examples use them, and they show embedders how a game is written. The library knows none of
//! them: a server is given a list of names and factories, such as [`builtin`]. This package promises no API: its items change
//! with the demo.

pub mod arena;
pub mod compass;
pub mod map;
pub mod plaza;

use std::sync::Arc;

use serde::Deserialize;
use tickwire::game::{Context, Factory, Game, Refused, RoomSetup};
use tickwire::id::{EntityId, Seat};
use tickwire::wire::limits;

/// Quanta per metre of the built-in games; one map tile is one metre.
pub const PER_METRE: i32 = 64;
/// Number of colours in the palette. Players get one by their seat.
pub const COLOURS: u8 = 12;

/// The built-in games by the name under which clients request them.
pub fn builtin() -> Vec<(&'static str, Factory)> {
    let arena = |setup: &RoomSetup| Ok(Box::new(arena::Arena::new(setup)?) as Box<dyn Game>);
    let plaza = |setup: &RoomSetup| Ok(Box::new(plaza::Plaza::new(setup)?) as Box<dyn Game>);
    vec![("arena", Arc::new(arena)), ("plaza", Arc::new(plaza))]
}

/// What a server outside puts up in a room.
#[derive(Deserialize)]
struct Notice {
    text: String,
}

/// A server outside puts up a notice, as the room's property `notice`; an empty text takes it down.
fn put_up(name: &str, data: &str, cx: &mut Context) -> Result<(), Refused> {
    if name != "notice" {
        return Err(format!("the event {name:?} must be notice").into());
    }
    let fits = |Notice { text }: &Notice| text.len() <= limits::TEXT && !text.chars().any(char::is_control);
    let Some(Notice { text }) = serde_json::from_str(data).ok().filter(fits) else {
        let most = limits::TEXT;
        return Err(format!("a notice is such as {{\"text\": \"a cup at nine\"}}, at most {most} bytes").into());
    };
    cx.set_property("notice", &text);
    Ok(())
}

/// The entity of each taken seat.
#[derive(Debug, Default)]
struct Seats(Vec<Option<EntityId>>);

impl Seats {
    fn take(&mut self, seat: Seat, entity: EntityId) {
        let index = usize::from(seat.0);
        if self.0.len() <= index {
            self.0.resize(index + 1, None);
        }
        self.0[index] = Some(entity);
    }

    fn free(&mut self, seat: Seat) -> Option<EntityId> {
        self.0.get_mut(usize::from(seat.0))?.take()
    }

    fn entity(&self, seat: Seat) -> Option<EntityId> {
        self.0.get(usize::from(seat.0)).copied().flatten()
    }
}

/// Adds to a list that is ascending by id. Ids rise, so that is its end, until all are used up and they begin anew.
fn insert_by_id<T>(list: &mut Vec<T>, one: T, id: impl Fn(&T) -> EntityId) {
    let place = list.partition_point(|other| id(other) < id(&one));
    list.insert(place, one);
}

fn colour_of(seat: Seat) -> i32 {
    i32::from(seat.0) % i32::from(COLOURS)
}
