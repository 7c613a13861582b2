//! Kafka with librdkafka's mock cluster of three: records by room and in order, brokers that are down, and each result once by its
//! key.

#![cfg(feature = "kafka")]
#![allow(clippy::disallowed_methods, reason = "real sockets live in real time")]

mod support;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{Headers, Message};
use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};
use serde_json::Value;
use support::{PATIENT, probe, result, sink};
use tickwire::tap::Verdict;

type Cluster = MockCluster<'static, DefaultProducerContext>;

fn cluster(partitions: i32) -> Cluster {
    let cluster = MockCluster::new(3).expect("a cluster");
    cluster.create_topic("results", partitions, 3).expect("a topic");
    cluster
}

fn outlet(cluster: &Cluster) -> String {
    let brokers = cluster.bootstrap_servers();
    format!("[[sink]]\nname = \"lake\"\ntype = \"kafka\"\nbrokers = \"{brokers}\"\ntopic = \"results\"\n")
}

/// The records of the topic until all with these ids are there: their keys and events, with doubles left out by id.
fn consume(cluster: &Cluster, last: &[&str]) -> Vec<(String, Value)> {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", cluster.bootstrap_servers()).set("group.id", "readers");
    config.set("auto.offset.reset", "earliest");
    let consumer: BaseConsumer = config.create().expect("a consumer");
    consumer.subscribe(&["results"]).expect("a topic");
    let (mut once, begun) = (BTreeMap::new(), Instant::now());
    let mut all = Vec::new();
    while !last.iter().all(|last| once.contains_key(*last)) {
        assert!(begun.elapsed() < PATIENT, "{last:?} do not come after {} records", all.len());
        let Some(message) = consumer.poll(Duration::from_millis(200)) else { continue };
        // Brokers that are down are told, too.
        let Ok(message) = message else { continue };
        let header = message.headers().expect("headers").get(0);
        assert_eq!(header.value.map(|value| value.starts_with(b"application/cloudevents+json")), Some(true));
        let key = String::from_utf8(message.key().expect("a key").to_vec()).expect("text");
        let event: Value = serde_json::from_slice(message.payload().expect("a value")).expect("JSON");
        if once.insert(event["id"].as_str().expect("an id").to_owned(), ()).is_none() {
            all.push((key, event));
        }
    }
    all
}

#[test]
fn records_of_a_room_are_in_order_and_on_one_key() {
    let cluster = cluster(4);
    let text = outlet(&cluster);
    assert!(probe(&text).expect("it answers").contains("3 brokers"));
    let mut sink = sink(&text);
    for batch in 0..5 {
        let deliveries: Vec<_> =
            (0..40).map(|index| result(if index % 2 == 0 { "a" } else { "b" }, batch * 40 + index)).collect();
        sink.deliver(&deliveries).expect("delivered");
    }
    let all = consume(&cluster, &["a/3/70/198", "b/3/70/199"]);
    for room in ["a", "b"] {
        let of_room: Vec<u64> = all
            .iter()
            .filter(|(key, _)| key == room)
            .map(|(_, event)| event["data"]["index"].as_u64().expect("a number"))
            .collect();
        assert!(of_room.is_sorted() && of_room.len() == 100, "{of_room:?}");
    }
}

#[test]
fn in_the_binary_format_the_attributes_are_headers() {
    let cluster = cluster(1);
    let mut sink = sink(&format!("{}format = \"binary\"\n", outlet(&cluster)));
    sink.deliver(&[result("r", 0)]).expect("delivered");
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", cluster.bootstrap_servers()).set("group.id", "readers");
    config.set("auto.offset.reset", "earliest");
    let consumer: BaseConsumer = config.create().expect("a consumer");
    consumer.subscribe(&["results"]).expect("a topic");
    let mut found = None;
    support::wait_for(
        || {
            found = consumer.poll(Duration::from_millis(200)).and_then(Result::ok).map(|message| message.detach());
            found.is_some()
        },
        "the record comes",
    );
    let found = found.expect("a record");
    let headers = found.headers().expect("headers").iter();
    let headers: BTreeMap<&str, &str> = headers
        .map(|header| (header.key, std::str::from_utf8(header.value.expect("a value")).expect("text")))
        .collect();
    let wanted = [
        ("ce_id", "r/3/70/0"),
        ("ce_source", "/tickwire/duel"),
        ("ce_specversion", "1.0"),
        ("ce_subject", "r"),
        ("ce_time", "2000-02-29T00:00:00.000Z"),
        ("ce_type", "tickwire.match.ended"),
        ("content-type", "application/json"),
    ];
    assert_eq!(headers.into_iter().collect::<Vec<_>>(), wanted);
    let data: Value = serde_json::from_slice(found.payload().expect("a value")).expect("JSON");
    assert_eq!((&data["result"]["winner"], &data["room"]), (&0.into(), &"r".into()));
}

#[test]
fn with_brokers_down_all_arrives_later_and_once_by_key() {
    let cluster = cluster(1);
    let mut sink = sink(&outlet(&cluster));
    sink.deliver(&[result("r", 0)]).expect("delivered");
    (1..=3).for_each(|broker| cluster.broker_down(broker).expect("down"));
    let undelivered = sink.deliver(&[result("r", 1), result("r", 2)]).expect_err("nobody is there");
    assert_eq!((undelivered.delivered, undelivered.verdict), (0, Verdict::Away), "{undelivered:?}");
    (1..=3).for_each(|broker| cluster.broker_up(broker).expect("up"));
    // Two of three are down again, and the topic has its leader on the third.
    cluster.partition_leader("results", 0, Some(3)).expect("a leader");
    (1..=2).for_each(|broker| cluster.broker_down(broker).expect("down"));
    support::wait_for(|| sink.deliver(&[result("r", 1), result("r", 2)]).is_ok(), "all is delivered");
    // Reading takes the coordinator of the group, wherever that is.
    (1..=2).for_each(|broker| cluster.broker_up(broker).expect("up"));
    let ids: Vec<String> = consume(&cluster, &["r/3/70/2"])
        .iter()
        .map(|(_, event)| event["id"].as_str().expect("an id").to_owned())
        .collect();
    assert_eq!(ids, ["r/3/70/0", "r/3/70/1", "r/3/70/2"]);
}

#[test]
fn errors_of_the_cluster_are_tried_again_by_the_producer() {
    let cluster = cluster(1);
    let mut sink = sink(&outlet(&cluster));
    let errors = [RDKafkaRespErr::RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION; 3];
    cluster.request_errors(RDKafkaApiKey::Produce, &errors);
    sink.deliver(&[result("r", 0)]).expect("delivered in spite of them");
    assert_eq!(consume(&cluster, &["r/3/70/0"]).len(), 1);
}
