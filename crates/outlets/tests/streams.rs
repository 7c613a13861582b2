//! Redis Streams with a real redis-server: entries in order, trimmed; and a server that goes away, refuses, or lacks replicas.

#![cfg(feature = "redis")]
#![allow(clippy::disallowed_methods, reason = "real processes live in real time")]

mod support;

use std::collections::BTreeMap;

use redis::streams::StreamRangeReply;
use redis::{Client, Connection};
use serde_json::Value;
use support::{Process, folder, free_port, probe, result, sink};
use tickwire::tap::Verdict;

fn server(port: u16, more: &[&str]) -> Process {
    let folder = folder(&format!("redis-{port}")).display().to_string();
    let port_text = port.to_string();
    let arguments = ["--port", &port_text, "--bind", "127.0.0.1", "--save", "", "--dir", &folder];
    Process::listening("redis-server", &[&arguments[..], more].concat(), port)
}

fn outlet(port: u16, more: &str) -> String {
    format!("[[sink]]\nname = \"log\"\ntype = \"redis\"\nurl = \"redis://127.0.0.1:{port}\"\n{more}\n")
}

fn connect(port: u16) -> Connection {
    Client::open(format!("redis://127.0.0.1:{port}")).expect("an address").get_connection().expect("it answers")
}

/// The entries of a stream.
fn range(connection: &mut Connection, stream: &str) -> Vec<BTreeMap<String, String>> {
    let reply: StreamRangeReply =
        redis::cmd("XRANGE").arg(stream).arg("-").arg("+").query(connection).expect("a stream");
    let fields = |id: redis::streams::StreamId| {
        id.map.into_iter().map(|(key, value)| (key, redis::from_redis_value(value).expect("text"))).collect()
    };
    reply.ids.into_iter().map(fields).collect()
}

#[test]
fn entries_are_in_order_and_streams_are_trimmed() {
    let port = free_port();
    let _server = server(port, &[]);
    let text = outlet(port, "length = 300\nstream = \"of:{game}\"");
    assert!(probe(&text).expect("it answers").contains("appendfsync"));
    let mut sink = sink(&text);
    for batch in 0..10 {
        sink.deliver(&(0..100).map(|index| result("r", batch * 100 + index)).collect::<Vec<_>>()).expect("delivered");
    }
    let entries = range(&mut connect(port), "of:duel");
    assert!((300..=500).contains(&entries.len()), "{} entries are kept", entries.len());
    let first = 1000 - entries.len();
    for (index, entry) in (first..).zip(&entries) {
        assert_eq!(entry["id"], format!("r/3/70/{index}"));
    }
    let data: Value = serde_json::from_str(&entries[0]["data"]).expect("JSON");
    assert_eq!((&data["result"]["winner"], &entries[0]["type"][..]), (&first.into(), "tickwire.match.ended"));
}

#[test]
fn a_server_that_goes_away_or_refuses_gets_all_later() {
    let port = free_port();
    let running = server(port, &[]);
    let mut sink = sink(&outlet(port, ""));
    sink.deliver(&[result("r", 0)]).expect("delivered");
    running.kill();
    let undelivered = sink.deliver(&[result("r", 1)]).expect_err("nobody is there");
    assert_eq!((undelivered.delivered, undelivered.verdict), (0, Verdict::Away));
    let _server = server(port, &[]);
    let mut other = connect(port);
    redis::cmd("CONFIG").arg("SET").arg("maxmemory").arg(1).query::<()>(&mut other).expect("set");
    let undelivered = sink.deliver(&[result("r", 1)]).expect_err("it is full");
    assert!(undelivered.verdict == Verdict::Away && undelivered.why.contains("OOM"), "{undelivered:?}");
    redis::cmd("CONFIG").arg("SET").arg("maxmemory").arg(0).query::<()>(&mut other).expect("set");
    sink.deliver(&[result("r", 1)]).expect("delivered");
    assert_eq!(range(&mut other, "tickwire").last().expect("one")["id"], "r/3/70/1");
}

#[test]
fn replicas_that_must_have_an_entry_are_waited_for() {
    let (port, second) = (free_port(), free_port());
    let _server = server(port, &[]);
    let text = outlet(port, "replicas = 1");
    let undelivered = sink(&text).deliver(&[result("r", 0)]).expect_err("there is none");
    assert!(undelivered.why.contains("0 replicas"), "{undelivered:?}");
    let _replica = server(second, &["--replicaof", "127.0.0.1", &port.to_string()]);
    let mut sink = sink(&text);
    support::wait_for(|| sink.deliver(&[result("r", 1)]).is_ok(), "the replica has it");
    assert_eq!(range(&mut connect(second), "tickwire").last().expect("one")["id"], "r/3/70/1");
}
