//! Nodes that pass a connection on to the node that its path names.

use std::time::Duration;

use futures_util::StreamExt;
use tickwire::wire::{Close, SUBPROTOCOLS};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{Instant, timeout};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async};

use crate::nodes::{any, by_id, free_port, node_beside, until};
use crate::player::Player;
use crate::process::Server;
use crate::redis::Redis;
use crate::run;

type Socket = WebSocketStream<TcpStream>;

/// Begins a session that says nothing. The error is a status.
async fn knock(from: &str, at: &Server, path: &str, origin: Option<&str>) -> Result<Socket, u16> {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.bind((from.parse::<std::net::IpAddr>().expect("an address"), 0).into()).expect("an own address");
    let stream = socket.connect(at.address()).await.expect("it listens");
    let mut request = format!("ws://{}{path}", at.address()).into_client_request().expect("a URL");
    let headers = request.headers_mut();
    headers.insert("sec-websocket-protocol", SUBPROTOCOLS[0].parse().expect("a value"));
    origin.into_iter().for_each(|origin| _ = headers.insert("origin", origin.parse().expect("a value")));
    match client_async(request, stream).await {
        Ok((socket, _)) => Ok(socket),
        Err(Error::Http(answer)) => Err(answer.status().as_u16()),
        Err(error) => panic!("{error}"),
    }
}

/// The code with which a session is closed at once; `None` if it is not.
async fn code(socket: &mut Socket) -> Option<u16> {
    let closed = async {
        loop {
            match socket.next().await {
                Some(Ok(Message::Close(Some(frame)))) => return frame.code.into(),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Close::Lost.code(),
            }
        }
    };
    timeout(Duration::from_millis(700), closed).await.ok()
}

#[test]
fn any_node_passes_a_connection_on() {
    run(async {
        let redis = Redis::start_settled();
        let ports = [free_port(), free_port(), free_port()];
        // All are reached at the first one.
        let public = |path: &str| format!("ws://127.0.0.1:{}/play{path}", ports[0]);
        let paths = ["/n1", "/n2", "/n3"];
        let start = |index: usize| node_beside(ports[index], &redis.url(), &public(paths[index]), &[]);
        let [first, second, third] = [0, 1, 2].map(start);
        let well = || async { [&first, &second, &third].iter().all(|node| node.health().1.contains("nodes: 3")) };
        until("all are nodes", well).await;
        // A node that has just begun may get its first room later than others.
        let mut players: Vec<Player> = Vec::new();
        let has_room =
            |players: &[Player], path: &str| players.iter().position(|player| player.place.address == public(path));
        for kind in 0..20 {
            if paths.iter().all(|path| has_room(&players, path).is_some()) {
                break;
            }
            players.push(Player::enter(&public("/n1"), any(&[("kind", &kind.to_string())])).await);
        }
        let at = |path: &str| &players[has_room(&players, path).expect("each node has a room")];
        for player in &players {
            for path in paths {
                let friend = Player::enter(&public(path), by_id(&player.place.room)).await;
                assert_eq!(friend.place.address, player.place.address);
                assert_eq!(friend.place.hops, usize::from(public(path) != player.place.address));
                friend.sees_frames().await;
            }
        }
        assert!(first.metric("tickwire_cluster_passed_total") > 5.5);
        assert!(second.metric("tickwire_cluster_passed_total") + third.metric("tickwire_cluster_passed_total") < 0.5);
        // A node that is gone, and one that never was.
        third.signal("KILL");
        assert_eq!(at("/n3").ended().await, Close::Lost.code());
        for path in ["/play/n3", "/play/n4"] {
            assert_eq!(knock("127.0.0.1", &first, path, None).await.err(), Some(503), "{path}");
        }
        at("/n1").sees_frames().await;
        at("/n2").sees_frames().await;
        // A node that stops does not wait for connections of which only others know when they end.
        let stops = Instant::now();
        first.signal("TERM");
        assert_eq!(at("/n2").ended().await, Close::Lost.code());
        assert!(stops.elapsed() < Duration::from_secs(3), "after {:?}", stops.elapsed());
    });
}

#[test]
fn limits_hold_for_connections_that_are_passed_on() {
    run(async {
        const ARGS: [&str; 4] = ["--exempt", "192.0.2.0/24", "--connections-per-address", "2"];
        let redis = Redis::start_settled();
        let start = |path: &str, args: &[&str]| {
            let port = free_port();
            let advertised = format!("ws://127.0.0.1:{port}/play{path}");
            node_beside(port, &redis.url(), &advertised, &[&ARGS[..], args].concat())
        };
        let (one, two) = (start("/n1", &["--most-sessions", "3"]), start("/n2", &[]));
        until("both are nodes", || async { one.health().1.contains("nodes: 2") }).await;
        let (friend, other) = ("127.0.0.7", "127.0.0.8");
        let mut open = Vec::new();
        for from in [friend, friend, other] {
            let mut socket = knock(from, &one, "/play/n2", None).await.expect("it is passed on");
            assert_eq!(code(&mut socket).await, None);
            open.push(socket);
        }
        assert!((one.metric("tickwire_cluster_passed_total") - 3.0).abs() < 0.1);
        // The node that passes connections on counts them as sessions of its own ...
        let mut fourth = knock(other, &one, "/play/n2", None).await.expect("it is told");
        assert_eq!(code(&mut fourth).await, Some(Close::TryLater.code()));
        // ... and to the other one, they come from their own addresses.
        let mut third = knock(friend, &two, "/play", None).await.expect("it is told");
        assert_eq!(code(&mut third).await, Some(Close::TryLater.code()));
        let mut second = knock(other, &two, "/play", None).await.expect("it is admitted");
        assert_eq!(code(&mut second).await, None);
        drop(open);
        until("nobody is passed on any more", || async {
            one.metric("tickwire_sessions") < 0.5 && two.metric("tickwire_sessions") < 1.5
        })
        .await;
        for path in ["/play/n2", "/play/n1"] {
            // A connection keeps its place for a moment longer than its session.
            let free = Instant::now() + Duration::from_secs(5);
            let told = loop {
                let mut evil = knock(other, &one, path, Some("https://evil.example")).await.expect("it is told");
                let told = code(&mut evil).await;
                if told != Some(Close::TryLater.code()) || Instant::now() > free {
                    break told;
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            };
            assert_eq!(told, Some(Close::Forbidden.code()), "{path}");
        }
        assert!((one.metric("tickwire_cluster_passed_total") - 3.0).abs() < 0.1);
    });
}
