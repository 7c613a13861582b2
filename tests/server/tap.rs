//! The tap of a server: sinks get what happens, a stuck one is nobody's problem, and the next server goes on where it was.

use std::fs;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use serde_json::Value;
use tickwire::Server;
use tickwire::game::{Context, Game, Recipients};
use tickwire::id::Seat;
use tickwire::server::Config;
use tickwire::tap::{Delivery, OutboxFull, Sink, TapBody, TapEntry, Undelivered};
use tickwire::wire::{Close, Join};

use crate::admin::room_of;
use crate::support::{Player, TestServer, demo, lean, wait_for};
use crate::verbs::by_id;

/// Keeps what it gets, unless it is stuck.
#[derive(Clone, Default)]
struct Shelf(Arc<Shared>);

#[derive(Default)]
struct Shared {
    kept: Mutex<Kept>,
    released: Condvar,
}

#[derive(Default)]
struct Kept {
    is_stuck: bool,
    entries: Vec<Arc<TapEntry>>,
}

impl Sink for Shelf {
    fn wants(&self, entry: &TapEntry) -> bool {
        !matches!(entry.body, TapBody::Property { .. })
    }

    fn deliver(&mut self, deliveries: &[Delivery]) -> Result<(), Undelivered> {
        let kept = self.0.kept.lock().expect("fine");
        let mut kept = self.0.released.wait_while(kept, |kept| kept.is_stuck).expect("fine");
        kept.entries.extend(deliveries.iter().map(|delivery| delivery.entry.clone()));
        Ok(())
    }
}

impl Shelf {
    fn stick(&self, stuck: bool) {
        self.0.kept.lock().expect("fine").is_stuck = stuck;
        self.0.released.notify_all();
    }

    fn kinds(&self) -> Vec<&'static str> {
        self.0.kept.lock().expect("fine").entries.iter().map(|entry| entry.body.kind()).collect()
    }
}

fn with(config: Config, shelf: &Shelf) -> TestServer {
    let shelf = shelf.clone();
    TestServer::with(config, |server: Server| server.tap("shelf", shelf))
}

/// The value of a metric with the label of the sink.
fn of_sink(server: &TestServer, name: &str) -> f64 {
    server.metric(&format!("{name}{{sink=\"shelf\"}}"))
}

#[test]
fn a_sink_learns_of_the_life_of_a_room() {
    let shelf = Shelf::default();
    let config = Config { empty_room_for: Duration::from_secs(1), ..lean() };
    let server = with(config, &shelf);
    let mut ada = Player::arena(&server);
    ada.client.chat(&[], "good day");
    wait_for(
        || {
            ada.frame().expect("the session goes on");
            shelf.kinds().contains(&"chat")
        },
        "the line is told",
    );
    drop(ada);
    wait_for(|| shelf.kinds().contains(&"room.ended"), "the end is told");
    drop(server);
    let wanted = ["node.up", "room.made", "player.joined", "chat", "player.left", "room.ended", "node.draining"];
    let told = shelf.kinds();
    let of_it: Vec<_> = told.into_iter().filter(|kind| *kind != "game.event").collect();
    assert_eq!(of_it, wanted);
}

#[test]
fn a_stuck_sink_is_nobodys_problem_and_loses_nothing() {
    let shelf = Shelf::default();
    shelf.stick(true);
    let server = with(lean(), &shelf);
    let ada = Player::arena(&server).aside();
    // `make tap` has it stuck for longer, with nothing else in this process.
    let stuck = std::env::var("TICKWIRE_STUCK").ok().map(|text| text.parse::<usize>().expect("seconds"));
    let visits = 7 * stuck.unwrap_or(3);
    let before = server.metric("process_resident_memory_bytes");
    for _ in 0..visits {
        drop(Player::arena(&server));
        std::thread::sleep(Duration::from_millis(150));
    }
    wait_for(|| of_sink(&server, "tickwire_sink_lag") > 2.0 * visits as f64, "it is behind");
    let grown = (server.metric("process_resident_memory_bytes") - before) / 1024.0;
    println!("{visits} visits while it was stuck: {grown:.0} KiB more");
    assert!(stuck.is_none() || grown < 65_536.0, "{grown} KiB");
    assert!(server.get("/healthz").starts_with("HTTP/1.1 200"), "that is not the server's fault");
    assert!(ada.back().was_undisturbed());
    shelf.stick(false);
    wait_for(|| of_sink(&server, "tickwire_sink_lag") == 0.0, "it catches up");
    assert_eq!(of_sink(&server, "tickwire_sink_dropped_total"), 0.0);
    let kinds = shelf.kinds();
    assert!(kinds.iter().filter(|kind| **kind == "player.left").count() >= visits, "{kinds:?}");
}

#[test]
fn the_next_server_goes_on_where_the_sink_was() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("tap");
    let _ = fs::remove_dir_all(&folder);
    let config = || Config { data: folder.clone(), empty_room_for: Duration::from_secs(1), ..lean() };
    let (stuck, later) = (Shelf::default(), Shelf::default());
    stuck.stick(true);
    let server = with(config(), &stuck);
    let mut ada = Player::arena(&server);
    let room = room_of(&ada);
    ada.frame().expect("a frame");
    drop(ada);
    wait_for(|| server.metric("tickwire_rooms") == 0.0, "the room ends");
    drop(server);
    let server = with(config(), &later);
    wait_for(|| later.kinds().contains(&"room.ended"), "it is told by the next server");
    drop(server);
    stuck.stick(false);
    let told = later.0.kept.lock().expect("fine").entries.clone();
    let of_room: Vec<_> = told.iter().filter(|entry| entry.key.room == room).map(|entry| entry.body.kind()).collect();
    assert_eq!(of_room, ["room.made", "player.joined", "player.left", "room.ended"]);
}

/// An arena in which each line of chat is a large public event.
struct Loud(Box<dyn Game>);

impl Game for Loud {
    delegate!(0: spec, join, leave, step, write_snapshot);
    fn chat(&mut self, _: Seat, _: &str, cx: &mut Context) -> bool {
        cx.emit(Recipients::All, 900, Vec::new());
        true
    }
    fn public_event(&self, kind: u16, _: &[u8]) -> Option<(String, Value)> {
        (kind == 900).then(|| ("loud".to_owned(), "x".repeat(200_000).into()))
    }
}

#[test]
fn a_server_that_would_lose_entries_may_refuse_rooms() {
    let shelf = Shelf::default();
    shelf.stick(true);
    let config = Config { outbox_mib: 1, outbox_full: OutboxFull::Refuse, ..lean() };
    let sink = shelf.clone();
    let server = TestServer::with(config, |server: Server| {
        server.tap("shelf", sink).game("loud", |setup| Ok(Box::new(Loud(demo("arena")(setup)?))))
    });
    let game = || "loud".to_owned();
    let mut ada = Player::join(&server, Join::JoinOrCreate { game: game(), options: Vec::new() }).expect("a room");
    wait_for(
        || {
            ada.client.chat(&[], "hey");
            ada.frame().expect("the session goes on");
            server.metric("tickwire_outbox_bytes") > f64::from(1 << 20)
        },
        "the outbox fills",
    );
    let refused = Player::join(&server, Join::Create { game: game(), options: Vec::new() });
    assert_eq!(refused.err(), Some(Some(Close::TryLater.code())));
    Player::join(&server, by_id(&room_of(&ada))).expect("rooms that are open go on");
    shelf.stick(false);
    wait_for(|| of_sink(&server, "tickwire_sink_lag") == 0.0, "it catches up");
    assert_eq!(of_sink(&server, "tickwire_sink_dropped_total"), 0.0);
    wait_for(|| server.metric("tickwire_outbox_bytes") < f64::from(1 << 20), "what all have is forgotten");
    Player::join(&server, Join::Create { game: game(), options: Vec::new() }).expect("rooms are made again");
}
