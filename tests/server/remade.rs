//! Rooms that are made again under their ids after a restart without a folder for rooms.

use std::time::Duration;

use tickwire::engine::{Client, Depth};
use tickwire::server::Config;
use tickwire::wire::{ClientMessage, Close, Extension, Hello, Join, RoomRecipe, encode_client};

use crate::admin::room_of;
use crate::support::{Frame, Player, Raw, TestServer, lean, wait_for};
use crate::verbs::by_id;

/// Joins a room by its id, with what the last welcome said of it.
fn come_back(server: &TestServer, room: &str, recipe: &[Extension]) -> Result<Player, Option<u16>> {
    let hello = Hello { extensions: recipe.to_vec(), ..Hello::new(by_id(room), "ada") };
    let mut raw = Raw::connect(server.address);
    raw.send(&encode_client(&ClientMessage::Hello(hello)));
    Player::over(raw, Client::new(Depth::Full)).map_err(|frame| match frame {
        Frame::Close(code) => Some(code),
        _ => None,
    })
}

fn create(server: &TestServer, private: bool) -> (String, Vec<Extension>) {
    let options = vec![("private".to_owned(), private.to_string()), ("capacity".to_owned(), "3".to_owned())];
    let ada = Player::join(server, Join::Create { game: "arena".to_owned(), options }).expect("a new room");
    (room_of(&ada), ada.client.welcome().expect("a welcome").extensions.clone())
}

#[test]
fn a_party_that_came_by_a_link_meets_again_after_a_restart() {
    let server = TestServer::start();
    let rooms = [false, true].map(|private| create(&server, private));
    drop(server);
    let second = TestServer::start();
    for (room, recipe) in &rooms {
        assert_eq!(
            come_back(&second, room, &[]).map(|_| ()),
            Err(Some(Close::NoSuchRoom.code())),
            "nobody made it yet"
        );
        let party = [(); 2].map(|()| come_back(&second, room, recipe).expect("the room is made again"));
        // From now on the link works for everybody, and the room is what it was.
        let late = come_back(&second, room, &[]).expect("the room is there");
        assert!(party.iter().chain([&late]).all(|player| room_of(player) == *room));
        assert_eq!(come_back(&second, room, &[]).map(|_| ()), Err(Some(Close::RoomFull.code())), "it has three seats");
    }
    assert_eq!(second.metric("tickwire_rooms"), 2.0);
}

#[test]
fn nobody_chooses_an_id_or_brings_back_what_has_ended() {
    let config = Config { empty_room_for: Duration::from_millis(100), ..lean() };
    let server = TestServer::with(config, |server| server);
    let (room, recipe) = create(&server, false);
    let refused = |room: &str, recipe: &[Extension]| come_back(&server, room, recipe).map(|_| ());
    let gone = Err(Some(Close::NoSuchRoom.code()));
    // The room ends, as nobody is in it.
    wait_for(|| server.metric("tickwire_rooms") == 0.0, "it ends");
    wait_for(|| server.get("/api/rooms").ends_with("[]"), "the directory knows");
    assert_eq!(refused(&room, &recipe), gone);
    for id in ["arena", "aaaaaaa0", "../../xx", "abcdefghabcdefghabcdefghab"] {
        assert_eq!(refused(id, &recipe), gone, "{id}");
    }
    let other = RoomRecipe { game: "chess".to_owned(), options: Vec::new() };
    assert_eq!(refused("abcdefgh", &[other.extension().expect("it is short")]), gone);
    let private = RoomRecipe { game: "arena".to_owned(), options: vec![("private".to_owned(), "true".to_owned())] };
    assert_eq!(refused("abcdefgh", &[private.extension().expect("it is short")]), gone, "a code that can be guessed");
    assert_eq!(server.metric("tickwire_rooms"), 0.0);
}
