//! Very many players at once: all come back after everything was started again, and what rooms cost Redis.
//!
//! `TICKWIRE_HERD`: players in rooms of twenty; `TICKWIRE_COSTLY`: rooms of one player each.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures_util::{SinkExt, StreamExt};
use tickwire::engine::{Client, ClientEvent, Depth};
use tickwire::tick::Moment;
use tickwire::wire::{Close, Features, Join, SUBPROTOCOLS};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

use crate::nodes::{any, free_port, keeper_on, lease, until};
use crate::process::Server;
use crate::redis::Redis;
use crate::{number, run};

/// What scripts cost the server so far.
pub fn scripts(redis: &Redis) -> String {
    let told = redis.ask("INFO commandstats");
    let line = told.lines().find_map(|line| line.strip_prefix("cmdstat_evalsha:")).unwrap_or_default();
    let field = |name: &str| line.split(',').find_map(|field| field.strip_prefix(name)).unwrap_or("0").to_owned();
    format!("{} scripts, {} us each", field("calls="), field("usec_per_call="))
}

/// What all of them share.
struct Herd {
    urls: Vec<String>,
    start: Instant,
    playing: AtomicUsize,
    over: AtomicBool,
    /// Whether all have lost their rooms, and when each came back.
    returns: Mutex<Vec<Instant>>,
}

/// One of them: comes back to its seat whenever the connection is lost, as soon as a page would.
async fn play(herd: Arc<Herd>, number: usize, join: Join) {
    let mut client = Client::new(Depth::Continuity).knowing(Features::REDIRECT);
    let mut hello = Client::hello_following(join.clone(), "one of many", Vec::new(), 0);
    let (mut url, mut tries) = (herd.urls[number % herd.urls.len()].clone(), 0_u32);
    while !herd.over.load(Ordering::Relaxed) {
        match stay(&herd, &mut client, &url, hello).await {
            Some(redirect) => {
                (hello, url) = (client.follow_redirect(&redirect, "one of many", Vec::new()), redirect.address);
                continue;
            }
            None => tries += 1,
        }
        // Half a second to one, each its own.
        let spread = (number as u64 * 7919 + u64::from(tries) * 104_729) % 500;
        sleep(Duration::from_millis(500 + spread)).await;
        url = herd.urls[(number + tries as usize) % herd.urls.len()].clone();
        hello = match client.resume("one of many", Vec::new()) {
            Some(hello) => hello,
            None => Client::hello_following(join.clone(), "one of many", Vec::new(), 0),
        };
    }
}

/// Plays until the connection ends. Returns where the room goes on, if the server says so.
async fn stay(herd: &Herd, client: &mut Client, url: &str, hello: Vec<u8>) -> Option<tickwire::wire::Redirect> {
    let mut request = url.into_client_request().expect("a URL");
    request.headers_mut().insert("sec-websocket-protocol", SUBPROTOCOLS[0].parse().expect("a value"));
    let (mut socket, _) = timeout(Duration::from_secs(5), connect_async(request)).await.ok()?.ok()?;
    socket.send(Message::Binary(hello.into())).await.ok()?;
    let mut is_playing = false;
    let redirect = loop {
        match timeout(Duration::from_secs(4), socket.next()).await {
            Ok(Some(Ok(Message::Binary(bytes)))) => match client.on_message(&bytes).expect("a message") {
                ClientEvent::Redirect(redirect) => break Some(redirect),
                ClientEvent::Frame(_) if !is_playing => {
                    is_playing = true;
                    herd.playing.fetch_add(1, Ordering::Relaxed);
                    herd.returns.lock().expect("nobody fails").push(Instant::now());
                }
                _ => {}
            },
            Ok(Some(Ok(Message::Close(Some(frame))))) => {
                let code = u16::from(frame.code);
                assert!(code < 4500 || code == Close::NoSuchRoom.code(), "refused with {code}: {}", frame.reason);
                break None;
            }
            Ok(Some(Ok(_))) => {}
            Ok(Some(Err(_)) | None) | Err(_) => break None,
        }
        let mut failed = false;
        while let Some(bytes) = client.poll(Moment(1_000_000).plus(herd.start.elapsed())) {
            failed |= socket.send(Message::Binary(bytes.into())).await.is_err();
        }
        if failed || herd.over.load(Ordering::Relaxed) {
            break None;
        }
    };
    herd.playing.fetch_sub(usize::from(is_playing), Ordering::Relaxed);
    redirect
}

fn gather(nodes: &[Server], players: usize, options: &[(&str, &str)]) -> (Arc<Herd>, Vec<JoinHandle<()>>) {
    let urls = nodes.iter().map(Server::url).collect();
    let (playing, over, returns) = Default::default();
    let herd = Arc::new(Herd { urls, start: Instant::now(), playing, over, returns });
    let start = |number| tokio::spawn(play(herd.clone(), number, any(options)));
    let playing = (0..players).map(start).collect();
    (herd, playing)
}

#[test]
fn all_come_back_after_everything_was_started_again() {
    run(async {
        let players = number("TICKWIRE_HERD", 60);
        let redis = Redis::start_with(true);
        let ports = [free_port(), free_port(), free_port()];
        let start = || ports.map(|port| keeper_on(port, &redis.url()));
        let nodes = start();
        until("all are nodes", || async { nodes.iter().all(|node| node.health().1.contains("nodes: 3")) }).await;
        let (herd, playing) = gather(&nodes, players, &[("capacity", "20"), ("tick_rate", "2")]);
        until("all play", || async { herd.playing.load(Ordering::Relaxed) == players }).await;
        let rooms = |nodes: &[Server; 3]| nodes.iter().map(|node| node.metric("tickwire_rooms")).sum::<f64>();
        let before = rooms(&nodes);
        // A welcome must have been confirmed before its seat is kept.
        sleep(Duration::from_secs(2)).await;
        nodes.iter().for_each(|node| node.signal("KILL"));
        let killed = Instant::now();
        drop(nodes);
        until("all have noticed", || async { herd.playing.load(Ordering::Relaxed) == 0 }).await;
        herd.returns.lock().expect("nobody fails").clear();
        let nodes = start();
        until("all are back", || async { herd.playing.load(Ordering::Relaxed) == players }).await;
        let took = killed.elapsed();
        let returns = std::mem::take(&mut *herd.returns.lock().expect("nobody fails"));
        let first = returns.first().expect("somebody came").duration_since(killed);
        let within = |at: &Instant| {
            returns.iter().filter(|other| at.duration_since(**other) < Duration::from_secs(1) && *other <= at).count()
        };
        let peak = returns.iter().map(within).max().unwrap_or(0);
        println!(
            "{players} players in {before} rooms, lease {:?}: the first is back after {first:.1?}, all after {took:.1?}; at most {peak} \
             joins in a second; {}",
            lease(),
            scripts(&redis),
        );
        assert!((rooms(&nodes) - before).abs() < 0.5, "{} rooms instead of {before}", rooms(&nodes));
        herd.over.store(true, Ordering::Relaxed);
        playing.iter().for_each(JoinHandle::abort);
    });
}

/// The processor time of a process, in seconds.
fn processor_seconds(pid: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("it lives");
    let fields = stat.rsplit(')').next().expect("fields").split_whitespace().skip(11).take(2);
    fields.map(|time| time.parse::<f64>().expect("a number")).sum::<f64>() / 100.0
}

/// Redis' share of a core for so many rooms with a player each.
fn rooms_cost(keeps_journal: bool) {
    const MEASURED: Duration = Duration::from_secs(10);
    run(async {
        let rooms = number("TICKWIRE_COSTLY", 20);
        let redis = Redis::start_settled();
        let nodes: [Server; 3] = std::array::from_fn(|_| match keeps_journal {
            true => keeper_on(free_port(), &redis.url()),
            false => crate::nodes::node(&redis.url()),
        });
        until("all are nodes", || async { nodes.iter().all(|node| node.health().1.contains("nodes: 3")) }).await;
        let (herd, playing) = gather(&nodes, rooms, &[("capacity", "1"), ("tick_rate", "20")]);
        until("all play", || async { herd.playing.load(Ordering::Relaxed) == rooms }).await;
        sleep(Duration::from_secs(3)).await;
        let before = processor_seconds(redis.pid());
        redis.ask("CONFIG RESETSTAT");
        sleep(MEASURED).await;
        let share = 100.0 * (processor_seconds(redis.pid()) - before) / MEASURED.as_secs_f64();
        let what = if keeps_journal { "with journal" } else { "heartbeats and reports" };
        println!("{rooms} rooms, {what}: Redis takes {share:.1} % of a core; {} in {MEASURED:?}", scripts(&redis));
        assert_eq!(herd.playing.load(Ordering::Relaxed), rooms, "somebody was disconnected");
        herd.over.store(true, Ordering::Relaxed);
        playing.iter().for_each(JoinHandle::abort);
    });
}

#[test]
fn rooms_cost_redis_little_with_a_journal() {
    rooms_cost(true);
}

#[test]
fn rooms_cost_redis_less_without() {
    rooms_cost(false);
}
