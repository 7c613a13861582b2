//! Many rooms on one server: what joining one of them costs, and what a watcher of the list is sent when one of them changes.
//! `TICKWIRE_ROOMS` makes more of them, and bounds the time (`make joins`).

use std::io::Read;
use std::time::{Duration, Instant};

use tickwire::server::Config;
use tickwire::wire::Join;

use crate::support::{Player, Raw, TestServer, lean};

/// A room of its own, which ticks once per second.
fn options(number: usize) -> Vec<(String, String)> {
    [("tick_rate", "1"), ("room", &number.to_string())].map(|(key, value)| (key.to_owned(), value.to_owned())).into()
}

/// Somebody enters a room, which is made if it is not there.
fn enter(server: &TestServer, room: usize) -> Player {
    let join = Join::JoinOrCreate { game: "arena".to_owned(), options: options(room) };
    Player::join(server, join).expect("a seat")
}

/// How long a join takes that finds one of `rooms` by its options: that of which a quarter were faster. Nobody is in the room,
/// so it answers at once.
fn join(server: &TestServer, rooms: usize) -> Duration {
    const JOINS: usize = 50;
    let mut took: Vec<Duration> = (0..JOINS)
        .map(|n| {
            let start = Instant::now();
            let player = enter(server, n * rooms / JOINS);
            let took = start.elapsed();
            drop(player);
            took
        })
        .collect();
    took.sort_unstable();
    took[JOINS / 4]
}

/// All that a watcher has been sent once nothing more comes.
fn all_told(watcher: &mut Raw) -> String {
    watcher.stream.set_read_timeout(Some(Duration::from_millis(1500))).expect("a timeout");
    let (mut told, mut chunk) = (Vec::new(), [0; 4096]);
    while let Ok(read @ 1..) = watcher.stream.read(&mut chunk) {
        told.extend_from_slice(&chunk[..read]);
    }
    String::from_utf8_lossy(&told).into_owned()
}

/// How many bytes a watcher of the list is sent when somebody enters a listed room and leaves it.
fn bytes_told(server: &TestServer) -> usize {
    let mut watcher = Raw::open(server.address);
    watcher.say(b"GET /api/rooms/events HTTP/1.1\r\nHost: localhost\r\n\r\n");
    watcher.head();
    let list = all_told(&mut watcher);
    let room = list.split("\"id\":\"").nth(1).and_then(|rest| rest.split('"').next()).expect("a listed room");
    let by_id = Join::ById { room: room.to_owned() };
    drop(Player::join(server, by_id).expect("a seat"));
    let changes = all_told(&mut watcher);
    assert!(changes.contains(room), "{changes}");
    changes.len()
}

#[test]
fn a_join_among_many_rooms_finds_the_right_one() {
    const MOST: f64 = 1.5;
    let most = std::env::var("TICKWIRE_ROOMS").map_or(2000, |rooms| rooms.parse().expect("a number"));
    let exempt = vec!["127.0.0.1/32".parse().expect("an address")];
    let empty_room_for = Duration::from_secs(3600);
    let config = Config { most_rooms: most + 100, most_sessions: 2 * most + 100, exempt, empty_room_for, ..lean() };
    let server = TestServer::alone_with(config, |server| server);
    let (mut made, mut took, mut told) = (0, Vec::new(), Vec::new());
    let steps = [100, most / 10, most];
    for rooms in steps {
        for number in made..rooms {
            drop(enter(&server, number));
        }
        made = rooms;
        // Until the last ticks in which somebody was there are over.
        std::thread::sleep(Duration::from_secs(2));
        took.push(join(&server, rooms));
        told.push(bytes_told(&server));
        assert_eq!(server.metric("tickwire_rooms"), rooms as f64, "a join found no room and made one");
    }
    println!("a join among {steps:?} rooms: {took:?}; a watcher is sent {told:?} bytes of a join and a leave");
    // Beside other tests, and without optimisation, times say nothing, and changes from before may come late.
    if std::env::var_os("TICKWIRE_ROOMS").is_some() {
        assert!(told.iter().all(|bytes| *bytes <= 500), "{told:?}");
        let few = took[0].as_secs_f64();
        assert!(took[1..].iter().all(|many| many.as_secs_f64() <= few * MOST), "{took:?}");
    }
}
