//! Channels between rooms: what a game tells there reaches the rooms that listen, with who is present, also after a restart.

use std::fs;
use std::path::Path;

use tickwire::engine::Arrived;
use tickwire::game::{ChannelNews, Saved};
use tickwire::prelude::*;
use tickwire::server::Channels;
use tickwire::wire::{EventBody, Join, limits};

use crate::support::{PATIENT, Player as Client, TestServer, lean};

#[derive(Clone, Row, serde::Serialize, serde::Deserialize)]
struct Dot {
    #[row(range = 0..=9)]
    x: i32,
}

#[derive(Message)]
enum Command {
    Say { text: String },
    Flood,
}

#[derive(Message)]
enum Event {
    Heard { text: String },
}

/// Passes on what it hears in the lobby, in which its room is a member.
struct Hall {
    players: Players<Dot>,
    colour: String,
}

impl Hall {
    fn tell(cx: &mut Context, text: String) {
        cx.send(Recipients::All, &Event::Heard { text });
    }
}

#[tickwire::game]
impl TypedGame for Hall {
    type Rows = Dot;
    type Command = Command;
    type Event = Event;

    fn join(&mut self, player: &Player, cx: &mut Context) -> Result<EntityId, Refused> {
        cx.listen("lobby");
        cx.join_channel("lobby", &self.colour, "a hall");
        Ok(self.players.join(player.seat, Dot { x: 5 }, cx))
    }

    fn leave(&mut self, seat: Seat, cx: &mut Context) {
        self.players.leave(seat);
        if self.players.is_empty() {
            cx.leave_channel("lobby", &self.colour);
        }
    }

    fn step(&mut self, _: Inputs<()>, _: &mut Context) {}

    fn write_snapshot(&self, out: &mut RowWriter<Dot>) {
        out.entities(&self.players);
    }

    fn command(&mut self, _: Seat, command: Command, cx: &mut Context) {
        match command {
            Command::Say { text } => _ = cx.publish("lobby", &text),
            Command::Flood => {
                let told = (0..100).filter(|number| cx.publish("quiet", &number.to_string())).count();
                Self::tell(cx, format!("{told} were told"));
            }
        }
    }

    fn channel_news(&mut self, news: &ChannelNews, cx: &mut Context) {
        let text = match news {
            ChannelNews::Present { members, .. } => {
                let names: Vec<_> = members.iter().map(|(member, info)| format!("{member}, {info}")).collect();
                format!("present: {}.", names.join("; "))
            }
            ChannelNews::Message { channel, body } => format!("{channel}: {body}"),
            ChannelNews::Joined { member, info, .. } => format!("{member}, {info}, has come"),
            ChannelNews::Left { member, .. } => format!("{member} has gone"),
            ChannelNews::Missed => "something is missing".to_owned(),
        };
        Self::tell(cx, text);
    }

    fn save(&self) -> Option<Saved> {
        Some(Saved::new(1, &self.players))
    }

    fn load(&mut self, saved: &Saved) -> Result<(), tickwire::LoadError> {
        self.players = saved.read()?;
        Ok(())
    }
}

fn add(server: Server) -> Server {
    server.game("hall", |setup| {
        let colour = setup.options.get("colour").cloned().unwrap_or_default();
        Ok(Box::new(Hall { players: Players::default(), colour }))
    })
}

fn enter(server: &TestServer, colour: &str) -> Client {
    let options = vec![("colour".to_owned(), colour.to_owned())];
    Client::join(server, Join::Create { game: "hall".to_owned(), options }).expect("there is room")
}

/// The lines that came with a frame.
fn lines(arrived: &Arrived) -> Vec<String> {
    let line = |event: &EventBody<'_>| match event {
        EventBody::Game { body, .. } => {
            let heard: serde_json::Value = serde_json::from_slice(body).expect("JSON");
            Some(heard["text"].as_str().expect("a text").to_owned())
        }
        _ => None,
    };
    arrived.events.iter().filter_map(line).collect()
}

/// Plays until so many lines have come.
fn hear(client: &mut Client, count: usize) -> Vec<String> {
    let mut heard = Vec::new();
    client.until(|arrived, _| {
        heard.extend(lines(arrived));
        heard.len() >= count
    });
    heard
}

fn say(client: &mut Client, text: &str) {
    client.client.command(0, serde_json::json!({ "text": text }).to_string().as_bytes());
}

#[test]
fn rooms_hear_each_other_and_who_is_there() {
    let server = TestServer::with(lean(), add);
    let mut ada = enter(&server, "red");
    assert_eq!(hear(&mut ada, 2), ["present: .", "red, a hall, has come"]);
    let mut bob = enter(&server, "blue");
    assert_eq!(hear(&mut bob, 2), ["present: red, a hall.", "blue, a hall, has come"]);
    assert_eq!(hear(&mut ada, 1), ["blue, a hall, has come"]);
    for number in 0..5 {
        say(&mut bob, &format!("line {number}"));
    }
    let wanted: Vec<_> = (0..5).map(|number| format!("lobby: line {number}")).collect();
    // What bob says is sent while he plays.
    assert_eq!((hear(&mut bob, 5), hear(&mut ada, 5)), (wanted.clone(), wanted));
    bob.client.command(1, b"null");
    let told = hear(&mut bob, 1);
    let count: u32 = told[0].trim_end_matches(" were told").parse().expect("a number");
    // The five lines may have been of the same second.
    let most = limits::CHANNEL_MESSAGES_PER_SECOND;
    assert!((most - 5..=most).contains(&count), "{told:?}");
    bob.break_off();
    assert_eq!(hear(&mut ada, 1), ["blue has gone"]);
}

#[test]
fn a_room_that_went_on_after_a_restart_listens_and_is_present() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("channels-restart");
    let _ = fs::remove_dir_all(&folder);
    let start = || {
        let config = tickwire::Config { data: folder.clone(), hold_seats_for: PATIENT, ..lean() };
        TestServer::with(config, |server: Server| add(server.build("one")))
    };
    let mut server = start();
    let mut ada = enter(&server, "red");
    assert_eq!(hear(&mut ada, 2), ["present: .", "red, a hall, has come"]);
    // The seat is held for her from her first word on.
    say(&mut ada, "hello");
    assert_eq!(hear(&mut ada, 1), ["lobby: hello"]);
    server.ask_to_stop();
    server.join().expect("it stops well");
    drop(server);
    let server = start();
    let mut ada = ada.resume(&server).expect("the seat is held");
    assert_eq!(hear(&mut ada, 3), ["something is missing", "present: .", "red, a hall, has come"]);
    let mut bob = enter(&server, "blue");
    assert_eq!(hear(&mut bob, 2), ["present: red, a hall.", "blue, a hall, has come"]);
    say(&mut bob, "hello");
    assert_eq!(hear(&mut bob, 1), ["lobby: hello"]);
    assert_eq!(hear(&mut ada, 2), ["blue, a hall, has come", "lobby: hello"]);
}

#[test]
fn more_news_than_a_room_can_take_are_a_gap_that_it_is_told() {
    let (give, get) = std::sync::mpsc::channel();
    let server = TestServer::with(lean(), move |server| {
        add(server).channels(move |channels: &Channels| give.send(channels.clone()).expect("it waits"))
    });
    let channels = get.recv().expect("a server has channels");
    let mut ada = enter(&server, "red");
    assert_eq!(hear(&mut ada, 2), ["present: .", "red, a hall, has come"]);
    let many = 4 * limits::CHANNEL_NEWS_WAITING;
    for number in 0..many {
        channels.publish_soon("room/lobby", &number.to_string()).expect("it is taken");
    }
    let mut heard = Vec::new();
    ada.until(|arrived, _| {
        heard.extend(lines(arrived));
        heard.iter().any(|line| line.starts_with("present"))
    });
    let whole = |line: &String| line.starts_with("lobby: ");
    let messages = heard.iter().filter(|line| whole(line)).count();
    assert!((limits::CHANNEL_NEWS_WAITING..many).contains(&messages), "{messages} messages");
    assert_eq!(heard[messages..], ["something is missing", "present: red, a hall."]);
    // What comes later is heard again.
    channels.publish_soon("room/lobby", "later").expect("it is taken");
    assert_eq!(hear(&mut ada, 1), ["lobby: later"]);
}
