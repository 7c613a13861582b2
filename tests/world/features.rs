//! Clients of different age in one room: those that know a feature and those that do not get the same zones, from the same
//! bytes. And a game that wants to know what its players saw.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tickwire::engine::link::Profile;
use tickwire::game::{Context, Game, Player, PlayerInput, Refused, SnapshotWriter, Spec};
use tickwire::id::{EntityId, KindId, Seat, ZoneId};
use tickwire::snapshot::{Field, InputSchema, Kind, Schema, Shape};
use tickwire::testing::{Plan, PlayerId, Playtest, Watch};
use tickwire::tick::{Tick, ViewTime};
use tickwire::wire::{Authority, Features, Hello, Join, ServerMessage, ZoneForm, decode_server};

const EACH: usize = 100;
/// A bit that no feature has yet.
const UNKNOWN: Features = Features(1 << 31);

type Views = Arc<Mutex<Vec<(Tick, Option<ViewTime>)>>>;

/// Walkers on a line, in two zones. Records the view times of fresh inputs.
#[derive(Default)]
pub struct Line {
    walkers: BTreeMap<Seat, (EntityId, i32)>,
    views: Views,
}

impl Game for Line {
    fn spec(&self) -> Spec {
        let shape = Shape::Int { min: -9999, max: 9999 };
        let schema = Schema::new(vec![Kind::new("walker", vec![Field::linear("x", shape)])]);
        let inputs = InputSchema::new(vec![Field::held("dx", Shape::Int { min: -9, max: 9 })]);
        Spec {
            schema: Arc::new(schema.expect("a valid schema")),
            inputs: inputs.expect("a valid schema"),
            authority: Authority::Server,
            capacity: 2 * EACH as u16,
            properties: Vec::new(),
        }
    }

    fn rewind(&self) -> Duration {
        Duration::from_millis(500)
    }

    fn join(&mut self, player: &Player, cx: &mut Context) -> Result<EntityId, Refused> {
        let entity = cx.spawn();
        self.walkers.insert(player.seat, (entity, i32::from(player.seat.0) * 10 - 1000));
        cx.subscribe(player.seat, vec![ZoneId(0), ZoneId(1)]);
        Ok(entity)
    }

    fn leave(&mut self, seat: Seat, _: &mut Context) {
        self.walkers.remove(&seat);
    }

    fn step(&mut self, inputs: &[PlayerInput], cx: &mut Context) {
        for input in inputs {
            self.walkers.get_mut(&input.seat).expect("it joined").1 += input.input[0];
            if input.fresh {
                self.views.lock().expect("no panic").push((cx.tick(), input.view));
            }
        }
    }

    fn write_snapshot(&self, out: &mut SnapshotWriter) {
        for (entity, x) in self.walkers.values() {
            out.row(ZoneId(u16::from(*x >= 0)), KindId(0), *entity, &[*x]);
        }
    }
}

/// Every chain and keyframe of a zone that clients were sent for one tick, by how many ticks it covers.
type Sent = BTreeMap<(u32, ZoneId, usize), BTreeSet<Vec<u8>>>;

struct Post(Rc<RefCell<Sent>>);

impl Watch for Post {
    fn delivers(&mut self, play: &Playtest, player: PlayerId, message: &mut Vec<u8>) {
        let Ok(ServerMessage::Frame(frame)) = decode_server(message) else { return };
        let seen = (play[player].tick(), play[player].client().consumed());
        let Some((tick, _)) = frame.stamp.resolve(seen) else { return };
        for part in frame.zones {
            let (ticks, bytes) = match part.form {
                ZoneForm::Chain(deltas) | ZoneForm::Fresh(deltas) => {
                    (deltas.len(), deltas.iter().flat_map(|delta| delta.to_vec()).collect())
                }
                ZoneForm::Keyframe(bytes) => (0, bytes.to_vec()),
                ZoneForm::Gone => continue,
            };
            self.0.borrow_mut().entry((tick.0, part.zone, ticks)).or_default().insert(bytes);
        }
    }
}

fn hello(name: &str, features: Features) -> Hello<'static> {
    let join = Join::JoinOrCreate { game: "line".to_owned(), options: Vec::new() };
    Hello { features, ..Hello::new(join, name) }
}

#[test]
fn old_and_new_clients_share_a_room_and_its_bytes() {
    let plan = Plan { link: Profile::named("lan").expect("a known profile"), ..Plan::default() };
    let mut play = Playtest::new(plan, |_| Ok(Box::<Line>::default()));
    let sent = Rc::new(RefCell::new(Sent::new()));
    play.watch(Post(sent.clone()));
    let known = Features::INPUT_LEAD.with(Features::VIEW_TIME).with(UNKNOWN);
    let players: Vec<(PlayerId, Features)> = (0..2 * EACH)
        .map(|n| {
            let features = if n % 2 == 0 { known } else { Features::NONE };
            let id = play.greet(hello(&format!("p{n}"), features));
            play[id].steer(move |client| vec![(client.tick().0 / 7 % 19).cast_signed() - 9]);
            (id, features)
        })
        .collect();
    play.run_for(Duration::from_secs(8));
    for (id, features) in &players {
        let player = &play[*id];
        // The oracle compared every zone of every frame that arrived.
        assert!(player.arrivals().len() > 100 && player.desyncs() == 0, "{player:?}");
        let agreed = Features(features.0 & !UNKNOWN.0);
        assert_eq!(player.welcome().features, agreed);
        let leads = player.arrivals().iter().filter(|arrival| arrival.told.lead.is_some()).count();
        assert!(leads == 0 || agreed.contain(Features::INPUT_LEAD));
        assert!(leads <= player.arrivals().len() / 16 + 1, "{leads} leads");
    }
    let sent = sent.borrow();
    assert!(sent.values().all(|bytes| bytes.len() == 1), "one zone, one tick, one encoding");
    assert!(sent.len() > 250, "two zones for 8 s: {}", sent.len());
}

#[test]
fn a_game_learns_what_its_players_saw() {
    let views = Views::default();
    let link = Profile { rtt_ms: 80.0, ..Profile::default() };
    let shared = views.clone();
    let make = move |_: &tickwire::game::RoomSetup| {
        Ok(Box::new(Line { views: shared.clone(), ..Line::default() }) as Box<dyn Game>)
    };
    let mut play = Playtest::new(Plan { link, ..Plan::default() }, make);
    let id = play.greet(hello("ada", Features::VIEW_TIME));
    play[id].steer(|client| vec![(client.tick().0 % 3).cast_signed()]);
    play[id].shows(40);
    play.run_for(Duration::from_secs(3));
    let seen: Vec<(Tick, ViewTime)> =
        views.lock().expect("no panic").iter().filter_map(|(tick, view)| Some((*tick, (*view)?))).collect();
    // The first ones are earlier than the first frame.
    let seen = &seen[10..];
    assert!(seen.len() > 30, "{}", seen.len());
    // 40 ms up, a tick or two to be consumed, and 2.5 ticks that the client shows late.
    let late: Vec<i32> =
        seen.iter().map(|(tick, view)| tick.since(view.tick) * 16 - i32::from(view.sixteenths)).collect();
    assert!(late.iter().all(|late| (40 + 16..40 + 7 * 16).contains(late)), "{late:?}");
    assert!(seen.iter().all(|(_, view)| view.sixteenths == 8));
    // A time of which the room has no rows any more counts as the oldest of which it has: half a second, ten ticks.
    views.lock().expect("no panic").clear();
    play[id].shows(u16::MAX);
    play.run_for(Duration::from_secs(2));
    let newest = views.lock().expect("no panic").last().copied().expect("inputs came");
    let behind = newest.0.since(newest.1.expect("with view times").tick);
    assert_eq!(behind, 10);
}
