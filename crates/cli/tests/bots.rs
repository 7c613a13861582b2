//! Bots over real sockets against a small server without actors: one room, sessions as tasks, the engine behind them. The
//! tests check that the bots report faults of the server, and report none when there is none.

#![allow(clippy::disallowed_methods, reason = "this server's clock is the process clock")]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures_util::{SinkExt, StreamExt};
use tickwire::engine::{
    Admitted, Client, EventQueue, History, Host, HostOutput, PendingInput, Readiness, Room, RoomConfig, RoomOutput,
    RoomPolicy, SeatSession, Session, SessionEvent, Waiting,
};
use tickwire::game::RoomSetup;
use tickwire::id::Seat;
use tickwire::tick::{Moment, TickRate};
use tickwire::wire::{Close, Join, SUBPROTOCOLS};
use tickwire_cli::bots::{Behaviour, Config, Path, Report, Verify};
use tickwire_games::builtin;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::http::header::SEC_WEBSOCKET_PROTOCOL;

/// Faults that the server has on purpose.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fault {
    None,
    /// Admits one player only.
    Full,
    /// Ends sessions after a second.
    Ends,
    /// Sends one message twice.
    Repeats,
    /// Sends nothing to the first player after a second.
    FallsSilent,
}

/// A connection that waits for its answer.
struct Here;

impl Waiting for Here {}

struct Hall {
    start: Instant,
    host: Host<Here>,
    queues: BTreeMap<Seat, EventQueue>,
    answer: Option<Result<Box<Admitted>, Close>>,
}

impl Hall {
    fn new(game: &str, fault: Fault) -> Self {
        let rate = TickRate::DEFAULT;
        let setup = RoomSetup { rate, seed: 7, options: BTreeMap::new() };
        let factory = builtin().into_iter().find(|(name, _)| *name == game).expect("a built-in game").1;
        let boxed = factory(&setup).expect("no options are no wrong options");
        let policy = RoomPolicy { capacity: (fault == Fault::Full).then_some(1), ..RoomPolicy::default() };
        let room = Room::new(RoomConfig::new("hall", game, setup, policy), boxed);
        let host = Host::new(Moment(0), room, History::new(rate));
        Self { start: Instant::now(), host, queues: BTreeMap::new(), answer: None }
    }

    fn now(&self) -> Moment {
        Moment(0).plus(self.start.elapsed())
    }

    fn tick(&mut self) {
        self.host.tick(self.now(), |_| {});
        self.follow();
    }

    fn follow(&mut self) {
        while let Some(output) = self.host.poll_output() {
            match output {
                HostOutput::Answer { answer, .. } => self.answer = Some(answer.map_err(|reason| reason.close())),
                HostOutput::Room(RoomOutput::Event { seats, event }) => {
                    for seat in seats {
                        self.queues.get_mut(&seat).into_iter().for_each(|queue| queue.push(event.clone()));
                    }
                }
                HostOutput::Parted { .. }
                | HostOutput::CommandsSafe { .. }
                | HostOutput::Filmed(_)
                | HostOutput::Room(_) => {}
            }
        }
    }

    /// Handles a message and returns the answer.
    fn hear(
        &mut self,
        session: &mut Session,
        seat: &mut Option<SeatSession>,
        bytes: &[u8],
    ) -> Result<Option<Vec<u8>>, Close> {
        let (now, mut pending) = (self.now(), PendingInput::default());
        match session.on_message(now, bytes)? {
            SessionEvent::Enter(request) => {
                self.host.request(Arc::new(*request), Here)?;
                self.host.answer_requests(1, || [0; 16]);
                self.follow();
                let Admitted { welcome, start, events } = *self.answer.take().expect("a request is answered")?;
                *seat = Some(SeatSession { seat: start.seat, generation: start.seat_generation });
                self.queues.insert(start.seat, events);
                return Ok(Some(session.enter(now, welcome, &start)));
            }
            SessionEvent::Inputs { events } => {
                pending.events_arrived(events);
                pending.push_inputs(session.runs());
            }
            SessionEvent::Events(events) => pending.events_arrived(events),
            SessionEvent::Command { seq, command } => assert!(pending.push_command(seq, command), "one fits"),
            SessionEvent::Reply(bytes) => return Ok(Some(bytes)),
            _ => {}
        }
        seat.iter().for_each(|seat| assert_eq!(self.host.collect(*seat, &mut pending), None));
        self.follow();
        Ok(None)
    }

    fn compose(&mut self, session: &mut Session, seat: Seat) -> Option<Vec<u8>> {
        let now = self.now();
        let newest = self.host.frames().newest()?.clone();
        if session.readiness(now, &newest) != Readiness::Ready {
            return None;
        }
        let mut frames = Vec::new();
        self.host.frames().since(session.sender()?.base(), &newest, &mut frames);
        let batch = self.queues.get_mut(&seat)?.batch(newest.tick());
        Some(session.compose(now, &frames, batch.as_ref()))
    }
}

#[expect(clippy::result_large_err, reason = "the callback's type is tungstenite's")]
fn accept(_: &Request, mut response: Response) -> Result<Response, ErrorResponse> {
    response.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(SUBPROTOCOLS[0]));
    Ok(response)
}

async fn serve(stream: TcpStream, hall: Arc<Mutex<Hall>>, mut ticks: watch::Receiver<u32>, fault: Fault) {
    // Bots also request metrics and rooms, which this server does not have.
    let Ok(mut socket) = tokio_tungstenite::accept_hdr_async(stream, accept).await else { return };
    let mut session = Session::new(hall.lock().expect("no panic").now());
    let (mut seat, opened) = (None, Instant::now());
    let close = loop {
        let old = opened.elapsed() > Duration::from_secs(1);
        if old && fault == Fault::Ends {
            break Close::RoomClosed;
        }
        let send = tokio::select! {
            message = socket.next() => match message {
                Some(Ok(Message::Binary(bytes))) => {
                    match hall.lock().expect("no panic").hear(&mut session, &mut seat, &bytes) {
                        Ok(answer) => answer,
                        Err(close) => break close,
                    }
                }
                Some(Ok(Message::Close(_)) | Err(_)) | None => break Close::Left,
                Some(Ok(_)) => None,
            },
            _ = ticks.changed() => seat.and_then(|seat| hall.lock().expect("no panic").compose(&mut session, seat.seat)),
        };
        let Some(bytes) = send else { continue };
        if old && fault == Fault::FallsSilent && seat.is_some_and(|mine| mine.seat == Seat(0)) {
            continue;
        }
        if old && fault == Fault::Repeats {
            let twice = socket.send(Message::Binary(welcome_again(&hall))).await;
            twice.expect("the bot still listens");
        }
        if socket.send(Message::Binary(bytes.into())).await.is_err() {
            break Close::Left;
        }
    };
    if let Some(seat) = seat {
        let mut hall = hall.lock().expect("no panic");
        hall.queues.remove(&seat.seat);
        hall.host.disconnect(seat, close);
        hall.follow();
    }
    let frame =
        tokio_tungstenite::tungstenite::protocol::CloseFrame { code: close.code().into(), reason: close.text().into() };
    let _ = socket.close(Some(frame)).await;
}

/// A message that must not arrive any more.
fn welcome_again(hall: &Mutex<Hall>) -> tokio_tungstenite::tungstenite::Bytes {
    let mut hall = hall.lock().expect("no panic");
    let (now, hello) = (hall.now(), Client::hello(Join::ById { room: "hall".to_owned() }, "ghost", Vec::new(), 0));
    let mut session = Session::new(now);
    hall.hear(&mut session, &mut None, &hello).expect("there is room").expect("a welcome").into()
}

/// Serves until the process ends and returns the address.
fn start(game: &'static str, fault: Fault) -> String {
    let (send, receive) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
            send.send(listener.local_addr().expect("it is bound")).expect("the test waits for it");
            let hall = Arc::new(Mutex::new(Hall::new(game, fault)));
            let (ticks, watching) = watch::channel(0);
            let ticking = hall.clone();
            tokio::spawn(async move {
                let mut timer = tokio::time::interval(TickRate::DEFAULT.period());
                loop {
                    timer.tick().await;
                    ticking.lock().expect("no panic").tick();
                    ticks.send_modify(|count| *count += 1);
                }
            });
            loop {
                let (stream, _) = listener.accept().await.expect("a connection");
                stream.set_nodelay(true).expect("a live socket");
                tokio::spawn(serve(stream, hall.clone(), watching.clone(), fault));
            }
        });
    });
    format!("ws://{}/play", receive.recv().expect("the server starts"))
}

fn run(game: &'static str, fault: Fault, players: Vec<Behaviour>, verify: Verify) -> Report {
    let config = Config {
        url: start(game, fault),
        game: game.to_owned(),
        players,
        duration: Duration::from_secs(3),
        ramp: Duration::from_millis(200),
        seed: 3,
        verify,
        ..Config::default()
    };
    let report = tickwire_cli::bots::run(&config, |_| {}).expect("bots run");
    println!("{report}\n");
    report
}

fn failures(report: &Report) -> Vec<&'static str> {
    report.failures.keys().copied().collect()
}

#[test]
fn wanderers_play_any_game_and_find_nothing_wrong() {
    for (game, verify) in [("arena", Verify::All), ("plaza", Verify::All), ("arena", Verify::Sample(2))] {
        let report = run(game, Fault::None, vec![Behaviour::Wander; 8], verify);
        assert!(report.passed, "{report}");
        assert_eq!((report.joined, report.rooms, report.rate), (8, 1, Some(20)));
        assert_eq!(report.verified, if verify == Verify::All { 8 } else { 2 });
        assert!(report.ticks_covered >= 8 * 50 && report.ticks_uncovered == 0);
        assert!(report.input_to_state.count > 8 * 40, "{report}");
        assert!(report.input_to_state.p50_ms > 0.0 && report.payload_bytes_per_player_tick > 1.0);
    }
}

#[test]
fn chasers_and_idlers_play() {
    let players = vec![Behaviour::Chase, Behaviour::Idle, Behaviour::Chase, Behaviour::Wander];
    let report = run("arena", Fault::None, players, Verify::Sample(0));
    assert!(report.passed, "{report}");
    assert_eq!(report.verified, 2, "chasers need to see");
}

fn path(step: f64) -> Behaviour {
    let positions = (0..40).map(|n| (20.0 + f64::from(n) * step, 30.0 + f64::from(n % 7) * 0.01));
    Behaviour::Follow(Arc::new(Path::new(5, positions.collect())))
}

#[test]
fn followers_find_every_position_again() {
    let report = run("plaza", Fault::None, vec![path(0.2), path(0.11)], Verify::All);
    assert!(report.passed, "{report}");
    let follow = report.follow.expect("they follow");
    assert!(follow.checked >= 70 && follow.mismatched == 0 && follow.corrected == 0, "{report}");
}

#[test]
fn followers_who_are_too_fast_are_corrected_and_fail() {
    let report = run("plaza", Fault::None, vec![path(0.95)], Verify::All);
    assert!(!report.passed);
    assert!(failures(&report).contains(&"corrected"), "{report}");
}

#[test]
fn what_the_server_does_wrong_fails_the_run_by_its_name() {
    let two = || vec![Behaviour::Wander; 2];
    let full = run("arena", Fault::Full, two(), Verify::All);
    assert_eq!(failures(&full), ["refused"], "{full}");
    assert!(full.failures["refused"].first.contains("4505"), "{full}");
    let ends = run("arena", Fault::Ends, two(), Verify::All);
    assert_eq!((failures(&ends), ends.failures["lost"].count), (vec!["lost"], 2), "{ends}");
    let repeats = run("arena", Fault::Repeats, two(), Verify::All);
    assert_eq!(failures(&repeats), ["protocol"], "{repeats}");
    let unreachable = Config {
        url: "ws://127.0.0.1:9/play".to_owned(),
        game: "arena".to_owned(),
        players: two(),
        duration: Duration::ZERO,
        ramp: Duration::ZERO,
        threads: 2,
        ..Config::default()
    };
    let report = tickwire_cli::bots::run(&unreachable, |_| {}).expect("bots run");
    assert_eq!((failures(&report), report.joined), (vec!["refused"], 0));
}

#[test]
fn a_bot_that_is_left_behind_is_noticed() {
    let report = run("arena", Fault::FallsSilent, vec![Behaviour::Wander; 2], Verify::All);
    assert_eq!((failures(&report), report.failures["uncovered"].count), (vec!["uncovered"], 1), "{report}");
    assert!((30..=50).contains(&report.ticks_uncovered), "{report}");
}
