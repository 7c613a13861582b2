//! Games that talk between rooms of two nodes, over a real Redis: servers in this process, whose game is the test's own.

use std::net::TcpListener;
use std::thread::JoinHandle;
use std::time::Duration;

use futures_util::FutureExt;
use tickwire::game::ChannelNews;
use tickwire::prelude::*;
use tickwire::wire::Join;
use tokio::sync::oneshot;

use crate::nodes::{lease, until};
use crate::player::Player as Client;
use crate::redis::Redis;
use crate::run;

#[derive(Row)]
struct Dot {
    #[row(range = 0..=9)]
    x: i32,
}

/// Publishes what its players say, and tells them what it hears in the lobby, in which the room is a member.
#[derive(Default)]
struct Hall {
    players: Players<Dot>,
    colour: String,
}

#[derive(Message)]
enum Event {
    Heard { text: String },
}

#[tickwire::game]
impl TypedGame for Hall {
    type Rows = Dot;
    type Event = Event;

    fn join(&mut self, player: &Player, cx: &mut Context) -> Result<EntityId, Refused> {
        cx.listen("lobby");
        cx.join_channel("lobby", &self.colour, "");
        Ok(self.players.join(player.seat, Dot { x: 5 }, cx))
    }

    fn leave(&mut self, seat: Seat, _: &mut Context) {
        self.players.leave(seat);
    }

    fn step(&mut self, _: Inputs<()>, _: &mut Context) {}

    fn write_snapshot(&self, out: &mut RowWriter<Dot>) {
        out.entities(&self.players);
    }

    fn chat(&mut self, _: Seat, text: &str, cx: &mut Context) -> bool {
        cx.publish("lobby", text);
        false
    }

    fn channel_news(&mut self, news: &ChannelNews, cx: &mut Context) {
        let text = match news {
            ChannelNews::Present { members, .. } => {
                format!("present:{}", members.iter().map(|(id, _)| format!(" {id}")).collect::<String>())
            }
            ChannelNews::Message { body, .. } => body.clone(),
            ChannelNews::Joined { member, .. } => format!("+{member}"),
            ChannelNews::Left { member, .. } => format!("-{member}"),
            ChannelNews::Missed => "missed".to_owned(),
        };
        cx.send(Recipients::All, &Event::Heard { text });
    }
}

/// A node in a thread of this process.
struct Node {
    url: String,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<std::io::Result<()>>>,
}

impl Node {
    fn start(redis: &Redis) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let url = format!("ws://{}/play", listener.local_addr().expect("a bound socket"));
        let (advertise, redis) = (url.clone(), redis.url());
        let config = Config { workers: 1, room_threads: 1, redis, advertise, lease: lease(), ..Config::default() };
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::spawn(move || {
            let server = Server::new(config).game("hall", |setup| {
                let colour = setup.options.get("colour").cloned().unwrap_or_default();
                Ok(Box::new(Hall { colour, ..Hall::default() }))
            });
            actix_web::rt::System::new().block_on(server.run(listener, stopped.map(drop)))
        });
        Self { url, stop: Some(stop), thread: Some(thread) }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.stop.take().expect("dropped once").send(());
        let ended = self.thread.take().expect("dropped once").join();
        assert!(std::thread::panicking() || ended.is_ok_and(|ended| ended.is_ok()), "a node ends well");
    }
}

async fn enter(node: &Node, colour: &str) -> Client {
    let options = vec![("colour".to_owned(), colour.to_owned())];
    let client = Client::enter(&node.url, Join::Create { game: "hall".to_owned(), options }).await;
    assert_eq!(client.place.address, node.url, "a room is where it needs no redirect");
    client
}

/// Waits until a client has been told exactly this.
async fn hears(client: &Client, wanted: &[&str]) {
    let told = || client.seen(|seen| seen.heard.clone());
    until(&format!("{wanted:?} are heard"), || async { told().len() >= wanted.len() }).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(told(), wanted);
    client.seen(|seen| seen.heard.clear());
}

/// As many as a chat takes.
const LINES: usize = 12;

#[test]
fn rooms_of_two_nodes_hear_each_other_in_one_order() {
    run(async {
        let mut redis = Redis::start_settled();
        let nodes = [(); 2].map(|()| Node::start(&redis));
        let red = enter(&nodes[0], "red").await;
        hears(&red, &["present:", "+red"]).await;
        let blue = enter(&nodes[1], "blue").await;
        until("blue knows of both", || async {
            blue.seen(|seen| ["red", "blue"].iter().all(|one| seen.heard.iter().any(|text| text.ends_with(one))))
        })
        .await;
        let mut heard = blue.seen(|seen| std::mem::take(&mut seen.heard));
        // Its node has only now begun to read: who is there may come one by one, in any order.
        heard[1..].sort();
        assert!(heard == ["present:", "+blue", "+red"] || heard == ["present: red", "+blue"], "{heard:?}");
        hears(&red, &["+blue"]).await;
        for number in 0..LINES {
            [&red, &blue][number % 2].say(number.to_string());
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
        for client in [&red, &blue] {
            until("everything is heard", || async { client.seen(|seen| seen.heard.len() >= LINES) }).await;
        }
        let told = [&red, &blue].map(|client| client.seen(|seen| std::mem::take(&mut seen.heard)));
        assert_eq!(told[0], told[1]);
        let mut numbers: Vec<usize> = told[0].iter().map(|text| text.parse().expect("a number")).collect();
        numbers.sort_unstable();
        assert!(numbers.iter().copied().eq(0..LINES), "{numbers:?}");
        // A Redis that has forgotten everything.
        redis.restart();
        until("the gap is told", || async { red.seen(|seen| seen.heard.len() >= 2) }).await;
        tokio::time::sleep(lease() + Duration::from_secs(2)).await;
        let heard = red.seen(|seen| std::mem::take(&mut seen.heard));
        assert_eq!(heard, ["missed", "present: blue red"], "nobody has left");
        drop(blue);
        red.say("alone".to_owned());
        until("the other room ends", || async { red.seen(|seen| seen.heard.iter().any(|text| text == "-blue")) }).await;
    });
}
