//! Which room a client enters, in virtual time: rooms fill one after another, promised seats count, tickets expire, and a
//! storm of joins never overfills a room.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use rand_pcg::Pcg32;
use rand_pcg::rand_core::Rng;
use tickwire::engine::registry::{self, Placement, RoomOptions, RoomRegistry};
use tickwire::engine::{JoinKind, JoinRequest, Occupancy, Reservations, SecretDigest, Vacancies};
use tickwire::tick::{Moment, TickRate};
use tickwire::wire::{Close, Join, Role, limits};

const CAPACITY: usize = 4;

struct TestRoom {
    game: &'static str,
    options: BTreeMap<String, String>,
    private: bool,
    vacancies: Rc<RefCell<Vacancies>>,
    players: usize,
}

/// Rooms named by their index.
#[derive(Default)]
struct Rooms(Vec<TestRoom>);

/// A promised place, withdrawn when dropped.
struct Promise(Rc<RefCell<Vacancies>>, JoinKind);

impl Drop for Promise {
    fn drop(&mut self) {
        self.0.borrow_mut().withdraw(self.1);
    }
}

impl RoomRegistry for Rooms {
    type Key = usize;
    type Pending = Promise;

    fn find(&self, id: &str) -> Option<usize> {
        let room = id.parse().ok()?;
        self.0.get(room).filter(|found: &&TestRoom| !found.vacancies.borrow().is_closed()).map(|_| room)
    }

    fn matching(&self, game: &str, options: &BTreeMap<String, String>, _: JoinKind) -> impl Iterator<Item = usize> {
        let fits = move |room: &TestRoom| room.game == game && room.options == *options && !room.private;
        self.0.iter().enumerate().filter(move |(_, room)| fits(room)).map(|(index, _)| index)
    }

    fn game(&self, room: usize) -> Option<&str> {
        self.0.get(room).map(|room| room.game)
    }

    fn announce(&self, room: usize, kind: JoinKind) -> Result<Promise, Close> {
        let vacancies = &self.0[room].vacancies;
        vacancies.borrow_mut().announce(kind, CAPACITY)?;
        Ok(Promise(vacancies.clone(), kind))
    }
}

impl Rooms {
    fn make(&mut self, game: &'static str, options: BTreeMap<String, String>) -> usize {
        let private = RoomOptions::read(&options, TickRate::DEFAULT, TickRate::DEFAULT).expect("valid options").private;
        self.0.push(TestRoom { game, options, private, vacancies: Rc::default(), players: 0 });
        self.0.len() - 1
    }

    /// The room counts at its tick: the promised client has arrived.
    fn arrive(&mut self, room: usize, promise: Promise) {
        let room = &mut self.0[room];
        room.players += 1;
        assert!(room.players <= CAPACITY, "a room is never overfilled");
        let occupancy = Occupancy { players: room.players, away: 0, spectators: 0 };
        room.vacancies.borrow_mut().settle(occupancy, std::iter::once(promise.1), 0);
        std::mem::forget(promise);
    }

    fn leave(&mut self, room: usize) {
        let room = &mut self.0[room];
        room.players -= 1;
        let occupancy = Occupancy { players: room.players, away: 0, spectators: 0 };
        room.vacancies.borrow_mut().settle(occupancy, std::iter::empty(), 0);
    }
}

type Tickets = Reservations<usize, Promise>;

fn any_room(game: &str) -> Join {
    Join::JoinOrCreate { game: game.to_owned(), options: Vec::new() }
}

fn request(join: Join) -> JoinRequest {
    JoinRequest::guest(join, Role::Player, "ada")
}

fn place(
    rooms: &Rooms,
    tickets: &mut Tickets,
    now: u64,
    request: &JoinRequest,
) -> Result<Placement<usize, Promise>, Close> {
    registry::place(rooms, tickets, Moment(now * 1_000_000), request, 1).map_err(|reason| reason.close())
}

/// The room that keeps a place, or `None` for a new one.
fn found<P>(placement: Result<Placement<usize, P>, Close>) -> Result<Option<(usize, P)>, Close> {
    placement.map(|placement| match placement {
        Placement::Room(room, pending) => Some((room, pending)),
        Placement::Create { .. } => None,
    })
}

#[test]
fn rooms_fill_in_order_and_promised_seats_count() {
    let (mut rooms, mut tickets) = (Rooms::default(), Tickets::default());
    assert!(found(place(&rooms, &mut tickets, 0, &request(any_room("arena")))).expect("no fault").is_none());
    rooms.make("plaza", BTreeMap::new());
    (0..2).for_each(|_| _ = rooms.make("arena", BTreeMap::new()));
    let promised: Vec<_> = (0..9).map(|_| found(place(&rooms, &mut tickets, 0, &request(any_room("arena"))))).collect();
    let at: Vec<_> =
        promised.iter().map(|found| found.as_ref().ok().and_then(|found| Some(found.as_ref()?.0))).collect();
    assert_eq!(at, [1, 1, 1, 1, 2, 2, 2, 2].map(Some).into_iter().chain([None]).collect::<Vec<_>>());
    drop(promised);
    let again = found(place(&rooms, &mut tickets, 0, &request(any_room("arena")))).expect("no fault");
    assert_eq!(again.map(|(room, _)| room), Some(1), "who did not come frees the place");
}

#[test]
fn only_rooms_with_the_same_options_match_and_private_ones_never() {
    let (mut rooms, mut tickets) = (Rooms::default(), Tickets::default());
    let options = |key: &str, value: &str| vec![(key.to_owned(), value.to_owned())];
    rooms.make("arena", options("map", "yard").into_iter().collect());
    rooms.make("arena", options("private", "true").into_iter().collect());
    let mut ask = |options| {
        let join = Join::JoinOrCreate { game: "arena".to_owned(), options };
        found(place(&rooms, &mut tickets, 0, &request(join))).map(|found| found.map(|(room, _)| room))
    };
    assert_eq!(ask(options("map", "yard")), Ok(Some(0)));
    assert_eq!((ask(options("map", "field")), ask(Vec::new())), (Ok(None), Ok(None)));
    assert_eq!(ask(options("private", "true")), Err(Close::NoSuchRoom), "a private room cannot be found");
    let by_code = request(Join::ById { room: "1".to_owned() });
    assert!(found(place(&rooms, &mut tickets, 0, &by_code)).is_ok_and(|found| found.is_some()));
}

fn in_a_minute() -> Moment {
    Moment(0).plus(limits::RESERVED_FOR)
}

#[test]
fn a_token_for_one_game_opens_no_other() {
    let (mut rooms, mut tickets) = (Rooms::default(), Tickets::default());
    let plaza = rooms.make("plaza", BTreeMap::new());
    let pending = rooms.announce(plaza, JoinKind::Newcomer).expect("a free seat");
    tickets.reserve(in_a_minute(), SecretDigest::of(b"ticket"), None, plaza, pending);
    for join in [
        Join::ById { room: "0".to_owned() },
        Join::Return { room: "0".to_owned() },
        Join::Reserved { ticket: "ticket".to_owned() },
    ] {
        let only = JoinRequest { only_game: Some("arena".to_owned()), ..request(join.clone()) };
        assert_eq!(place(&rooms, &mut tickets, 0, &only).err(), Some(Close::BadToken));
        let allowed = JoinRequest { only_game: Some("plaza".to_owned()), ..request(join) };
        assert!(place(&rooms, &mut tickets, 0, &allowed).is_ok(), "the ticket is still good");
    }
    let pending = rooms.announce(plaza, JoinKind::Newcomer).expect("a free seat");
    tickets.reserve(in_a_minute(), SecretDigest::of(b"late"), None, plaza, pending);
    rooms.0.clear();
    let late = request(Join::Reserved { ticket: "late".to_owned() });
    let late = JoinRequest { only_game: Some("plaza".to_owned()), ..late };
    assert!(place(&rooms, &mut tickets, 0, &late).is_ok(), "the room itself says that it has ended");
}

#[test]
fn a_party_gets_all_its_seats_or_none_and_tickets_expire() {
    let (mut rooms, mut tickets) = (Rooms::default(), Tickets::default());
    let room = rooms.make("arena", BTreeMap::new());
    let party = |rooms: &Rooms, seats| {
        let placement = registry::place_party(rooms, &any_room("arena"), seats, None);
        found(placement.map_err(|reason| reason.close())).expect("no fault")
    };
    assert!(party(&rooms, CAPACITY + 1).is_none(), "such a party needs a new room");
    let (at, places) = party(&rooms, 3).expect("three seats are free");
    assert_eq!(at, room);
    for (number, pending) in places.into_iter().enumerate() {
        tickets.reserve(in_a_minute(), SecretDigest::of(number.to_string().as_bytes()), None, room, pending);
    }
    assert!(party(&rooms, 2).is_none(), "reserved seats are taken");
    let redeem = |number: usize| request(Join::Reserved { ticket: number.to_string() });
    let good = limits::RESERVED_FOR.as_secs() - 1;
    let (at, promise) = found(place(&rooms, &mut tickets, good, &redeem(0))).expect("in time").expect("a seat");
    rooms.arrive(at, promise);
    assert_eq!(place(&rooms, &mut tickets, good, &redeem(0)).err(), Some(Close::NoSuchRoom), "a ticket is used once");
    assert_eq!(place(&rooms, &mut tickets, good + 1, &redeem(1)).err(), Some(Close::NoSuchRoom), "too late");
    assert_eq!(tickets.expire(Moment(0).plus(limits::RESERVED_FOR)), 2);
    assert!(party(&rooms, 3).is_some(), "seats of expired tickets are free");
}

#[test]
fn a_storm_of_joins_overfills_no_room_and_makes_no_room_too_many() {
    for seed in 0..200 {
        let mut random = Pcg32::new(seed, 3);
        let mut below = |bound: u32| ((u64::from(random.next_u32()) * u64::from(bound)) >> 32) as usize;
        let (mut rooms, mut tickets) = (Rooms::default(), Tickets::default());
        let (mut waiting, mut joined): (Vec<(usize, Promise)>, usize) = (Vec::new(), 0);
        for step in 0..300 {
            match below(4) {
                0 | 1 => match found(place(&rooms, &mut tickets, step, &request(any_room("arena")))).expect("no fault")
                {
                    Some(place) => waiting.push(place),
                    None => {
                        let room = rooms.make("arena", BTreeMap::new());
                        let full = |room: &TestRoom| room.vacancies.borrow_mut().announce(JoinKind::Newcomer, CAPACITY);
                        assert!(rooms.0[..room].iter().all(|room| full(room).is_err()), "a room had a free seat");
                        waiting.push((room, rooms.announce(room, JoinKind::Newcomer).expect("it is new")));
                    }
                },
                2 if !waiting.is_empty() => {
                    let (room, promise) = waiting.swap_remove(below(waiting.len() as u32));
                    if below(4) > 0 {
                        rooms.arrive(room, promise);
                        joined += 1;
                    }
                }
                _ => {
                    let taken: Vec<usize> = (0..rooms.0.len()).filter(|room| rooms.0[*room].players > 0).collect();
                    if !taken.is_empty() {
                        rooms.leave(taken[below(taken.len() as u32)]);
                    }
                }
            }
        }
        assert!(joined > 20, "seed {seed}: {joined} joined");
    }
}

#[test]
fn options_are_read_or_named_in_the_error() {
    let read = |key: &str, value: &str| {
        let most = TickRate::new(60).expect("a valid rate");
        RoomOptions::read(&BTreeMap::from([(key.to_owned(), value.to_owned())]), TickRate::DEFAULT, most)
    };
    assert_eq!(read("capacity", "7").map(|options| options.capacity), Ok(Some(7)));
    assert_eq!(read("tick_rate", "60").map(|options| options.rate.per_second()), Ok(60));
    let error = read("tick_rate", "61").expect_err("beyond what creators may name");
    assert_eq!(error, "tick_rate \"61\": at most 60 here (setting: most_tick_rate)");
    let own = BTreeMap::from([("tick_rate".to_owned(), "120".to_owned())]);
    let fast = TickRate::new(120).expect("a valid rate");
    assert!(RoomOptions::read(&own, fast, TickRate::DEFAULT).is_ok(), "whoever names the usual rate changes nothing");
    assert_eq!(read("map", "yard").map(|options| options.private), Ok(false));
    for (key, value) in [("capacity", "0"), ("tick_rate", "fast"), ("private", "yes")] {
        let error = read(key, value).expect_err("a wrong value");
        assert!(error.contains(key) && error.contains(value) && error.contains("must be"), "{error}");
    }
    assert_eq!(registry::least_loaded([3, 1, 1]), Some(1));
    assert_eq!(registry::least_loaded([]), None);
}
