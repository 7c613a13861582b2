//! Tests of the hub: whoever is in a channel hears it, whoever is not does not, and nobody hears more than they may.

use serde_json::{Value, json};

use super::hub::{Effect, Hub, close};
use super::signature::Signer;

fn signer() -> Signer {
    Signer::new("key", "a secret of the app")
}

/// A hub with a client for each number from one.
fn hub(clients: u64) -> Hub {
    let mut hub = Hub::new(signer(), true, 1000);
    (0..clients).for_each(|_| _ = hub.connect(7).expect("there is room"));
    hub.take_effects();
    hub
}

fn say(hub: &mut Hub, number: u64, message: &Value) -> Vec<(u64, Value)> {
    hub.on_message(number, &message.to_string(), 1);
    sent(hub)
}

/// Who was sent what since the last time.
fn sent(hub: &mut Hub) -> Vec<(u64, Value)> {
    let message = |effect| match effect {
        Effect::Send(number, text) => Some((number, serde_json::from_str(&text).expect("JSON"))),
        _ => None,
    };
    hub.take_effects().into_iter().filter_map(message).collect()
}

fn subscribe(hub: &mut Hub, number: u64, channel: &str, user: &str) -> Vec<(u64, Value)> {
    let told = json!({ "user_id": user, "user_info": { "name": user } }).to_string();
    let signed = match channel.split('-').next() {
        Some("presence") => format!("7.{number}:{channel}:{told}"),
        _ => format!("7.{number}:{channel}"),
    };
    let auth = format!("key:{}", signer().sign(signed.as_bytes()));
    let data = json!({ "channel": channel, "auth": auth, "channel_data": told });
    say(hub, number, &json!({ "event": "pusher:subscribe", "data": data }))
}

fn events(sent: &[(u64, Value)]) -> Vec<(u64, &str)> {
    sent.iter().map(|(number, message)| (*number, message["event"].as_str().expect("a text"))).collect()
}

const SUBSCRIBED: &str = "pusher_internal:subscription_succeeded";

#[test]
fn data_of_server_events_is_a_text() {
    let mut hub = Hub::new(signer(), true, 1);
    let number = hub.connect(7).expect("there is room");
    assert_eq!(hub.connect(7), None, "the app may have one");
    let hello = sent(&mut hub).remove(0).1;
    let data: Value = serde_json::from_str(hello["data"].as_str().expect("a text")).expect("JSON");
    assert_eq!((&data["socket_id"], &data["activity_timeout"]), (&"7.1".into(), &120.into()));
    subscribe(&mut hub, number, "news", "");
    hub.publish("news", "hello", r#"{"n":1}"#, None);
    assert_eq!(sent(&mut hub)[0].1, json!({ "event": "hello", "channel": "news", "data": "{\"n\":1}" }));
    hub.publish("news", "hello", "{}", Some("7.1"));
    hub.publish("olds", "hello", "{}", None);
    assert_eq!(sent(&mut hub), []);
}

#[test]
fn private_channels_take_a_signature_for_this_connection_and_channel() {
    let mut hub = hub(2);
    assert_eq!(events(&subscribe(&mut hub, 1, "private-a", "")), [(1, SUBSCRIBED)]);
    let signed = |text: &str| format!("key:{}", signer().sign(text.as_bytes()));
    for auth in [signed("7.1:private-a"), signed("7.2:private-b"), "key:".to_owned(), String::new()] {
        let data = json!({ "channel": "private-a", "auth": auth });
        let answer = say(&mut hub, 2, &json!({ "event": "pusher:subscribe", "data": data }));
        assert_eq!(events(&answer), [(2, "pusher:subscription_error")], "{auth}");
    }
    hub.publish("private-a", "hush", "{}", None);
    assert_eq!(events(&sent(&mut hub)), [(1, "hush")]);
}

#[test]
fn presence_counts_users_and_not_tabs() {
    let mut hub = hub(4);
    subscribe(&mut hub, 1, "presence-a", "ada");
    assert_eq!(events(&subscribe(&mut hub, 2, "presence-a", "ada")), [(2, SUBSCRIBED)]);
    let added = "pusher_internal:member_added";
    assert_eq!(events(&subscribe(&mut hub, 3, "presence-a", "bob")), [(1, added), (2, added), (3, SUBSCRIBED)]);
    assert_eq!(hub.users("presence-a"), ["ada", "bob"]);
    hub.disconnect(1);
    assert_eq!(sent(&mut hub), []);
    hub.admit("presence-a", "ada", json!({}));
    hub.disconnect(2);
    assert_eq!(sent(&mut hub), [], "the server itself has let her in");
    hub.dismiss("presence-a", "ada");
    assert_eq!(events(&sent(&mut hub)), [(3, "pusher_internal:member_removed")]);
    hub.disconnect(3);
    assert_eq!(hub.describe("presence-a", "user_count"), json!({ "occupied": false, "user_count": 0 }));
}

#[test]
fn client_events_are_for_members_of_private_channels_and_not_for_their_sender() {
    let mut hub = hub(3);
    for number in [1, 2] {
        subscribe(&mut hub, number, "presence-a", &format!("u{number}"));
        subscribe(&mut hub, number, "news", "");
        subscribe(&mut hub, number, "private-encrypted-a", "");
    }
    let event = |channel: &str| json!({ "event": "client-typing", "channel": channel, "data": { "on": true } });
    let heard = say(&mut hub, 1, &event("presence-a"));
    assert_eq!(heard.len(), 1);
    assert_eq!((heard[0].0, &heard[0].1["user_id"], &heard[0].1["data"]["on"]), (2, &"u1".into(), &true.into()));
    for (number, channel) in [(1, "news"), (1, "private-encrypted-a"), (3, "presence-a"), (1, "private-none")] {
        let answer = say(&mut hub, number, &event(channel));
        assert_eq!(events(&answer), [(number, "pusher:error")], "{channel}");
        assert_eq!(answer[0].1["data"]["code"], 4301);
    }
    let passed = (0..20).filter(|_| events(&say(&mut hub, 1, &event("presence-a"))) == [(2, "client-typing")]).count();
    assert_eq!(passed, 9, "ten in a second, with the one before");
    let mut silent = Hub::new(signer(), false, 9);
    silent.connect(7);
    subscribe(&mut silent, 1, "private-a", "");
    silent.take_effects();
    assert_eq!(events(&say(&mut silent, 1, &event("private-a"))), [(1, "pusher:error")]);
}

#[test]
fn hostile_messages_do_no_harm() {
    let mut hub = hub(1);
    for text in ["", "{}", "[]", "null", r#"{"event":7}"#, r#"{"event":"x"}"#, r#"{"event":"pusher:subscribe"}"#] {
        hub.on_message(1, text, 1);
        assert!(sent(&mut hub).len() == 1, "{text}");
    }
    hub.on_message(1, r#"{"event":"pusher:unsubscribe","data":{"channel":"never"}}"#, 1);
    hub.on_message(99, r#"{"event":"pusher:ping"}"#, 1);
    assert_eq!(hub.take_effects(), []);
    for number in 0..300 {
        subscribe(&mut hub, 1, &format!("c{number}"), "");
    }
    assert_eq!(hub.list("", "")["channels"].as_object().expect("an object").len(), 200);
    hub.on_message(1, r#"{"event":"pusher:signin","data":{"auth":"key:00","user_data":"{\"id\":\"ada\"}"}}"#, 1);
    assert!(hub.take_effects().contains(&Effect::Close(1, close::UNAUTHORIZED)));
}
