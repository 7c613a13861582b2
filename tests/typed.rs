//! Games in types of their own: what the derive macros make of them is what a game by hand would have declared, and what
//! players send and get arrives as values.

use std::collections::BTreeMap;

use tickwire::engine::{Room, RoomConfig, RoomPolicy};
use tickwire::game::Game;
use tickwire::prelude::*;
use tickwire::snapshot::InputSchema;
use tickwire::testing::{Plan, Playtest, StepRun, Steps};
use tickwire::typed::{MessageError, Rows};
use tickwire::wire::EventBody;
use tickwire::{Close, Field, Kind, Motion, Shape};

mod drive;

const WIDTH: i32 = 48;

/// Somebody who runs.
#[derive(Debug, PartialEq, Row)]
#[row(position(x, y), without_past)]
struct Runner {
    #[row(range = 0..=WIDTH, step = 1/64, motion = along(heading))]
    x: f32,
    #[row(range = 0..=32, step = 0.01, motion = across(heading))]
    y: f64,
    #[row(angle = 8, motion = smooth)]
    heading: f32,
    #[row(range = -100..=1_000_000, motion = fade)]
    score: i64,
    /// In 64ths of a metre.
    #[row(range = 0..=2, step = 1/64, name = "reach")]
    reach_in_steps: i32,
    #[row(colours = 12)]
    colour: u8,
    power_up: PowerUp,
    is_it: bool,
    lives: u8,
    owner: Seat,
    #[row(skip)]
    cooldown: u32,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Labels)]
enum PowerUp {
    #[default]
    None,
    DoubleSpeed,
    #[label(name = "ghost")]
    Invisible,
}

#[derive(Row)]
#[row(name = "pit")]
struct Trap {
    #[row(range = 0..=48)]
    x: i32,
    #[row(range = 0..=32)]
    y: i32,
}

#[derive(Debug, PartialEq, Input)]
struct Steer {
    #[input(range = -1..=1, step = 0.01)]
    right: f32,
    #[input(angle = 16)]
    aim: u16,
    dash: bool,
    pick: PowerUp,
}

#[derive(Debug, PartialEq, Message)]
enum Command {
    Tag {
        target: EntityId,
        hard: bool,
    },
    Buy(PowerUps),
    Surrender,
    /// Who has how many points.
    #[message(reply = Vec<(String, u32)>)]
    Standings,
}

#[derive(Clone, Debug, PartialEq, Message)]
struct PowerUps {
    first_one: String,
    others: Vec<Option<u32>>,
}

#[derive(Debug, PartialEq, Message)]
enum Event {
    #[message(public)]
    Tagged {
        by_whom: EntityId,
        whom: EntityId,
    },
    Bought(Seat, Part),
    #[message(public)]
    Over,
}

#[derive(Debug, PartialEq, Message)]
enum Part {
    All,
    Some { of_them: u8 },
}

#[derive(Debug, PartialEq, Options)]
struct Team {
    #[option(range = 1..=4, default = 2)]
    team: u8,
    #[option(default)]
    start: PowerUp,
    nick: Option<String>,
    level: u32,
}

#[derive(Default)]
struct Tag {
    runners: Players<Runner>,
    heard: Vec<String>,
}

#[tickwire::game]
impl TypedGame for Tag {
    type Rows = (Runner, Trap);
    type Input = Steer;
    type Command = Command;
    type Event = Event;
    type Options = Team;

    fn join(&mut self, player: &Player<Team>, cx: &mut Context) -> Result<EntityId, Refused> {
        self.heard.push(format!("{:?}", player.options));
        Ok(self.runners.join(player.seat, runner(player.seat), cx))
    }

    fn leave(&mut self, seat: Seat, _: &mut Context) {
        self.runners.leave(seat);
    }

    fn step(&mut self, inputs: Inputs<Steer>, _: &mut Context) {
        for player in inputs {
            let runner = &mut self.runners[player.seat];
            runner.x += player.input.right;
            runner.power_up = player.input.pick;
            runner.is_it = player.input.dash;
        }
    }

    fn write_snapshot(&self, out: &mut RowWriter<(Runner, Trap)>) {
        out.entities(&self.runners);
        out.row(ZoneId(3), EntityId(900), &Trap { x: 1, y: 2 });
        out.entity(EntityId(900), &Trap { x: 3, y: 4 });
    }

    fn command(&mut self, seat: Seat, command: Command, cx: &mut Context) {
        let by_whom = self.runners.entity(seat);
        match command {
            Command::Tag { target, .. } => cx.send(Recipients::All, &Event::Tagged { by_whom, whom: target }),
            Command::Buy(_) => cx.send(Recipients::Only(seat), &Event::Bought(seat, Part::Some { of_them: 2 })),
            Command::Surrender | Command::Standings => cx.send(Recipients::All, &Event::Over),
        }
    }

    fn call(&mut self, _: Seat, call: Command, _: &mut Context) -> Result<Vec<u8>, Refused> {
        match call {
            Command::Standings => Ok(vec![("Ada".to_owned(), 3_u32)].to_json()),
            _ => Err("only standings".into()),
        }
    }
}

fn runner(owner: Seat) -> Runner {
    let (x, y, heading, score, reach_in_steps) = (1.5, 2.25, std::f32::consts::PI, -7, 96);
    let (colour, power_up, is_it, lives, cooldown) = (3, PowerUp::Invisible, true, 200, 9);
    Runner { x, y, heading, score, reach_in_steps, colour, power_up, is_it, lives, owner, cooldown }
}

#[test]
fn a_derived_kind_is_the_one_that_a_game_by_hand_declares() {
    let number = |min, max| Shape::Int { min, max };
    let labels = ["none", "doubleSpeed", "ghost"].map(str::to_owned).to_vec();
    let fields = vec![
        Field::moving("x", Shape::Fixed { min: 0, max: 48 * 64, per_unit: 64 }, Motion::Along { heading: 2 }),
        Field::moving("y", Shape::Fixed { min: 0, max: 3200, per_unit: 100 }, Motion::Across { heading: 2 }),
        Field::smooth("heading", Shape::Angle { bits: 8 }),
        Field::moving("score", number(-100, 1_000_000), Motion::Fade),
        Field::held("reach", Shape::Fixed { min: 0, max: 128, per_unit: 64 }),
        Field::held("colour", Shape::Colour { count: 12 }),
        Field::held("powerUp", Shape::Enum { labels: labels.clone() }),
        Field::held("isIt", Shape::Bool),
        Field::held("lives", number(0, 255)),
        Field::held("owner", number(0, 65_535)),
    ];
    let trap = Kind::new("pit", vec![Field::held("x", number(0, 48)), Field::held("y", number(0, 32))]);
    assert_eq!(<(Runner, Trap)>::kinds(), [Kind::new("runner", fields.clone()), trap]);
    // Equality leaves out what only the server knows.
    let by_hand = Kind::new("runner", fields).at("x", "y").without_past();
    assert_eq!(format!("{:?}", Runner::kind()), format!("{by_hand:?}"));
    assert_eq!((Runner::DOCS, Runner::NOTES[4].docs), ("Somebody who runs.", "In 64ths of a metre."));

    let inputs = vec![
        Field::held("right", Shape::Fixed { min: -100, max: 100, per_unit: 100 }),
        Field::held("aim", Shape::Angle { bits: 16 }),
        Field::held("dash", Shape::Bool),
        Field::held("pick", Shape::Enum { labels }),
    ];
    assert_eq!(Tag::default().spec().inputs, InputSchema::new(inputs).expect("a valid schema"));
}

#[test]
fn rows_and_inputs_go_to_integers_and_back() {
    let values = runner(Seat(7)).to_values();
    assert_eq!(values, [96, 225, 128, -7, 96, 3, 2, 1, 200, 7]);
    assert_eq!(Runner::from_values(&values), Runner { cooldown: 0, ..runner(Seat(7)) });
    let steer = Steer { right: -0.25, aim: 40_000, dash: true, pick: PowerUp::DoubleSpeed };
    assert_eq!(steer.to_values(), [-25, 40_000, 1, 1, 0, 0, 0, 0]);
    assert_eq!(Steer::from_values(&steer.to_values()), steer);
}

#[test]
fn messages_are_json_by_the_names_that_pages_use() {
    let body = |message: &Event| String::from_utf8(message.to_body()).expect("JSON is text");
    let tagged = Event::Tagged { by_whom: EntityId(3), whom: EntityId(4) };
    assert_eq!((tagged.kind(), body(&tagged)), (0, r#"{"byWhom":3,"whom":4}"#.to_owned()));
    let bought = Event::Bought(Seat(2), Part::Some { of_them: 5 });
    assert_eq!((bought.kind(), body(&bought)), (1, r#"[2,{"some":{"ofThem":5}}]"#.to_owned()));
    assert_eq!((Event::Over.kind(), body(&Event::Over)), (2, String::new()));
    assert_eq!(Event::NAMES, ["tagged", "bought", "over"]);
    for event in [tagged, bought, Event::Bought(Seat(0), Part::All), Event::Over] {
        assert_eq!(Event::from_body(event.kind(), &event.to_body()), Ok(event));
    }
    let buy = Command::Buy(PowerUps { first_one: "ghost".to_owned(), others: vec![None, Some(3)] });
    assert_eq!(buy.to_body(), br#"{"firstOne":"ghost","others":[null,3]}"#);
    assert_eq!(Command::from_body(1, &buy.to_body()), Ok(buy));
    assert_eq!(Command::from_body(2, b"null"), Ok(Command::Surrender), "some pages send it");
}

#[test]
fn marked_events_are_told_to_the_world_and_no_others() {
    let public = |event: Event| Game::public_event(&Tag::default(), event.kind(), &event.to_body());
    let (name, body) = public(Event::Tagged { by_whom: EntityId(3), whom: EntityId(4) }).expect("it is marked");
    assert_eq!((&name[..], body.to_string()), ("tagged", r#"{"byWhom":3,"whom":4}"#.to_owned()));
    assert_eq!([Event::Bought(Seat(2), Part::All), Event::Over].map(|event| public(event).is_some()), [false, true]);
}

#[test]
fn a_message_that_is_none_says_why() {
    let error = |kind, body: &[u8]| Command::from_body(kind, body).map_err(|error: MessageError| error.to_string());
    let text = |kind, body| error(kind, body).expect_err("it is none");
    assert_eq!(text(9, b""), "no message of kind 9: there are 0 tag, 1 buy, 2 surrender, 3 standings");
    assert!(text(0, br#"{"target":3}"#).starts_with("tag: missing field `hard`"));
    assert!(text(0, br#"{"target":"x","hard":true}"#).starts_with("tag: invalid type: string \"x\", expected u32"));
    assert!(text(0, b"\xff").starts_with("tag: expected value"));
    assert!(text(2, b"1").starts_with("surrender: invalid type"));
}

fn play() -> Playtest {
    Playtest::new(Plan::default(), |_| Ok(Box::<Tag>::default()))
}

fn team(level: &str) -> [(&str, &str); 2] {
    [("level", level), ("team", "4")]
}

#[test]
fn a_typed_game_is_played_in_types() {
    let mut play = play();
    let ada = play.join_with("Ada", &team("3"), 0);
    play[ada].hold_input(&Steer { right: 0.5, aim: 0, dash: true, pick: PowerUp::DoubleSpeed });
    play.run_ticks(4);
    let own = play[ada].own_row::<Runner>();
    assert_eq!((own.x, own.power_up, own.is_it), (3.5, PowerUp::DoubleSpeed, true));
    let traps = play[ada].rows_of::<Trap>();
    assert_eq!(traps.iter().map(|(id, trap)| (id.0, trap.x, trap.y)).collect::<Vec<_>>(), [(900, 3, 4)]);
    play[ada].send(&Command::Tag { target: EntityId(77), hard: false });
    play[ada].send(&Command::Buy(PowerUps { first_one: String::new(), others: Vec::new() }));
    let asked = play[ada].ask(&Command::Standings);
    play.run_ticks(2);
    let by_whom = play[ada].welcome().entity;
    let heard = [
        Event::Tagged { by_whom, whom: EntityId(77) },
        Event::Bought(play[ada].welcome().seat, Part::Some { of_them: 2 }),
    ];
    assert_eq!(play[ada].heard::<Event>(), heard);
    let reply = play[ada].events().find_map(|event| match event {
        EventBody::Reply { command, body, .. } if *command == asked => Some(body.to_vec()),
        _ => None,
    });
    assert_eq!(reply.as_deref(), Some(&br#"[["Ada",3]]"#[..]));
}

#[test]
fn a_command_that_is_none_ends_its_session_and_nothing_else() {
    let mut play = play();
    let (ada, bob) = (play.join_with("Ada", &team("3"), 0), play.join_with("Bob", &team("1"), 0));
    play.run_ticks(2);
    play[ada].command(0, br#"{"target":"everybody"}"#);
    play.run_ticks(3);
    assert_eq!(play[ada].closed(), Some(Close::Kicked));
    assert!(play[bob].is_open());
    assert_eq!(play[bob].rows_of::<Runner>().len(), 1);
}

#[test]
fn options_are_read_before_the_game_sees_the_player() {
    let setup = RoomSetup { rate: TickRate::DEFAULT, seed: 1, options: BTreeMap::new() };
    let config = RoomConfig::new("r", "tag", setup, RoomPolicy::default());
    let mut room = Room::new(config, Box::<Tag>::default());
    let mut refusal = |options: &[(&str, &str)]| {
        let options = options.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        let answer = drive::ask(&mut room, "Ada", options);
        answer.err().map(|refusal| format!("{refusal:?}"))
    };
    assert_eq!(refusal(&[("level", "3"), ("nick", "A"), ("start", "ghost"), ("unknown", "")]), None);
    for (options, reason) in [
        (&[("team", "1")][..], "level is missing: it is required"),
        (&[("level", "-1")], r#"level \"-1\": must be a whole number that is not negative"#),
        (&[("level", "1"), ("team", "9")], r#"team \"9\": must be 1 to 4"#),
        (&[("level", "1"), ("start", "moon")], r#"start \"moon\": must be none, doubleSpeed or ghost"#),
    ] {
        let refused = refusal(options).expect("it must be refused");
        assert!(refused.contains(reason), "{options:?}: {refused}");
    }
}

#[test]
fn what_is_out_of_range_is_clamped_and_counted() {
    let mut play = play();
    let ada = play.join_with("Ada", &team("3"), 0);
    play[ada].hold_input(&Steer { right: 1.0, aim: 0, dash: false, pick: PowerUp::None });
    play.run_ticks(46);
    assert_eq!(play.frame().saturated(), 0);
    play.run_ticks(4);
    assert_eq!(play[ada].own_row::<Runner>().x, 48.0);
    assert_eq!(play.frame().saturated(), 1);
    let first = play.frame().first_saturated().expect("it was counted").describe(play.frame().schema());
    assert!(first.starts_with("runner.x of entity 1 is 51.5: the range is 0 to 48"), "{first}");
}

/// A row of another game.
#[derive(Row)]
struct Ghost {
    alive: bool,
}

thread_local! {
    /// Where this thread has panicked.
    static PANICKED_IN: std::cell::Cell<Option<String>> = const { std::cell::Cell::new(None) };
}

/// What is done, and what the panic says. It points at the line that is wrong, and not into the library.
#[test]
fn mistakes_in_rust_point_at_their_line_and_say_what_would_be_right() {
    const X: Shape = Shape::Int { min: 0, max: 9 };
    let with_own_hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        PANICKED_IN.set(panic.location().map(|place| place.file().to_owned()));
        with_own_hook(panic);
    }));
    let mistakes: [(fn(), &str); 8] = [
        (|| _ = joined().0[joined().1].own_row::<Ghost>(), "no kind \"ghost\": this game has runner, pit"),
        (|| _ = joined().0[joined().1].rows_of::<Ghost>(), "no kind \"ghost\": this game has runner, pit"),
        (|| joined().0[joined().1].hold(&[0, 0]), "an input of 2 values: this game has right, aim, dash, pick"),
        (|| joined().0[joined().1].press(&[0, 70_000, 0, 0]), "the input's aim is 70000: the range is 0 to 65535"),
        (|| joined().0[joined().1].hold(&[101, 0, 0, 0]), "the input's right is 101: the range is -100 to 100"),
        (|| _ = Players::<Ghost>::default()[Seat(3)].alive, "nobody has seat 3"),
        (|| _ = Players::<Ghost>::default().entity(Seat(4)), "nobody has seat 4"),
        (|| steps_of_a_ghost(Field::held("x", X)), "the types of these steps"),
    ];
    for (mistake, wanted) in mistakes {
        let panic = std::panic::catch_unwind(mistake).expect_err(wanted);
        let said = panic.downcast_ref::<String>().cloned().expect("a formatted panic");
        assert!(said.contains(wanted), "{said}");
        assert_eq!(PANICKED_IN.take().as_deref(), Some(file!()), "{said}");
    }
}

fn joined() -> (Playtest, tickwire::testing::PlayerId) {
    let mut play = play();
    let ada = play.join_with("Ada", &team("3"), 0);
    play.run_ticks(2);
    (play, ada)
}

fn steps_of_a_ghost(field: Field) {
    let mut steps = Steps::new(Kind::new("other", vec![field]), InputSchema::new(Vec::new()).expect("no fields"));
    steps.record(&StepRun::default(), Ghost { alive: true }, |_, _| {}, |_, (): &()| {});
}

/// The files are those that the tests of the browser client compile against.
#[cfg(feature = "server")]
#[test]
fn a_page_gets_the_types_of_the_game() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/types");
    let server = Server::new(Config::default()).game("tag", |_| Ok(Box::<Tag>::default()));
    let changed = server.write_types(folder).expect("a writable folder");
    assert!(changed.is_empty(), "these files have changed: {changed:?}");
}
