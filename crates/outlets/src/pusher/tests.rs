//! Tests of the hub: whoever is in a channel hears it, whoever is not does not, and nobody hears more than they may.

use serde_json::{Value, json};
use tickwire::engine::channels::{Alone, Backend, Board, ChannelEvent, Presence};

use super::broadcast;
use super::hub::{Effect, Hub, close};
use super::signature::Signer;

fn signer() -> Signer {
    Signer::new("key", "a secret of the app")
}

/// A hub, and the channels of a server that is alone.
struct Stage {
    hub: Hub,
    board: Board,
}

/// A stage with a client for each number from one.
fn stage(clients: u64) -> Stage {
    let mut stage = Stage { hub: Hub::new(signer(), true, 1000, 120), board: Board::default() };
    (0..clients).for_each(|_| _ = stage.hub.connect(7).expect("there is room"));
    stage.effects();
    stage
}

impl Stage {
    /// What the hub requires since the last time, when what goes through channels has come back.
    fn effects(&mut self) -> Vec<Effect> {
        let mut done = Vec::new();
        loop {
            let effects = self.hub.take_effects();
            if effects.is_empty() {
                return done;
            }
            for effect in effects {
                match effect {
                    Effect::Publish(channel, body) => self.publish(&channel, &body),
                    Effect::Enter(channel, user, info) => {
                        self.board.enter(&channel, &user, &info).expect("it is taken");
                        self.hear();
                    }
                    Effect::Leave(channel, user) => {
                        self.board.leave(&channel, &user);
                        self.hear();
                    }
                    effect => done.push(effect),
                }
            }
        }
    }

    fn publish(&mut self, channel: &str, body: &str) {
        self.board.publish(channel, body).expect("it is taken");
        self.hear();
    }

    fn trigger(&mut self, channel: &str, event: &str, data: &str, except: Option<&str>) {
        self.publish(channel, &broadcast::event(channel, event, data, except));
    }

    fn hear(&mut self) {
        for event in Alone.carry(&mut self.board) {
            let (ChannelEvent::Message { channel, .. }
            | ChannelEvent::Presence { presence: Presence { channel, .. }, .. }) = &event
            else {
                panic!("nobody was away");
            };
            self.hub.hear(channel, &event);
        }
    }
}

fn say(stage: &mut Stage, number: u64, message: &Value) -> Vec<(u64, Value)> {
    stage.hub.on_message(number, &message.to_string(), 1);
    sent(stage)
}

/// Who was sent what since the last time.
fn sent(stage: &mut Stage) -> Vec<(u64, Value)> {
    let message = |effect| match effect {
        Effect::Send(number, text) => Some((number, serde_json::from_str(&text).expect("JSON"))),
        _ => None,
    };
    stage.effects().into_iter().filter_map(message).collect()
}

fn subscribe(stage: &mut Stage, number: u64, channel: &str, user: &str) -> Vec<(u64, Value)> {
    let told = json!({ "user_id": user, "user_info": { "name": user } }).to_string();
    let signed = match channel.split('-').next() {
        Some("presence") => format!("7.{number}:{channel}:{told}"),
        _ => format!("7.{number}:{channel}"),
    };
    let auth = format!("key:{}", signer().sign(signed.as_bytes()));
    let data = json!({ "channel": channel, "auth": auth, "channel_data": told });
    say(stage, number, &json!({ "event": "pusher:subscribe", "data": data }))
}

fn events(sent: &[(u64, Value)]) -> Vec<(u64, &str)> {
    sent.iter().map(|(number, message)| (*number, message["event"].as_str().expect("a text"))).collect()
}

const SUBSCRIBED: &str = "pusher_internal:subscription_succeeded";

#[test]
fn data_of_server_events_is_a_text() {
    let mut stage = Stage { hub: Hub::new(signer(), true, 1, 120), board: Board::default() };
    let number = stage.hub.connect(7).expect("there is room");
    assert_eq!(stage.hub.connect(7), None, "the app may have one");
    let hello = sent(&mut stage).remove(0).1;
    let data: Value = serde_json::from_str(hello["data"].as_str().expect("a text")).expect("JSON");
    assert_eq!((&data["socket_id"], &data["activity_timeout"]), (&"7.1".into(), &120.into()));
    subscribe(&mut stage, number, "news", "");
    stage.trigger("news", "hello", r#"{"n":1}"#, None);
    assert_eq!(sent(&mut stage)[0].1, json!({ "event": "hello", "channel": "news", "data": "{\"n\":1}" }));
    stage.trigger("news", "hello", "{}", Some("7.1"));
    stage.trigger("olds", "hello", "{}", None);
    assert_eq!(sent(&mut stage), []);
}

#[test]
fn private_channels_take_a_signature_for_this_connection_and_channel() {
    let mut stage = stage(2);
    assert_eq!(events(&subscribe(&mut stage, 1, "private-a", "")), [(1, SUBSCRIBED)]);
    let signed = |text: &str| format!("key:{}", signer().sign(text.as_bytes()));
    for auth in [signed("7.1:private-a"), signed("7.2:private-b"), "key:".to_owned(), String::new()] {
        let data = json!({ "channel": "private-a", "auth": auth });
        let answer = say(&mut stage, 2, &json!({ "event": "pusher:subscribe", "data": data }));
        assert_eq!(events(&answer), [(2, "pusher:subscription_error")], "{auth}");
    }
    stage.trigger("private-a", "hush", "{}", None);
    assert_eq!(events(&sent(&mut stage)), [(1, "hush")]);
}

#[test]
fn presence_counts_users_and_not_tabs() {
    let mut stage = stage(4);
    subscribe(&mut stage, 1, "presence-a", "ada");
    assert_eq!(events(&subscribe(&mut stage, 2, "presence-a", "ada")), [(2, SUBSCRIBED)]);
    let added = "pusher_internal:member_added";
    assert_eq!(events(&subscribe(&mut stage, 3, "presence-a", "bob")), [(3, SUBSCRIBED), (1, added), (2, added)]);
    assert_eq!(stage.hub.users("presence-a"), ["ada", "bob"]);
    stage.hub.disconnect(1);
    assert_eq!(sent(&mut stage), []);
    stage.hub.admit("presence-a", "ada", &json!({}));
    stage.hub.disconnect(2);
    assert_eq!(sent(&mut stage), [], "the server itself has let her in");
    stage.hub.dismiss("presence-a", "ada");
    assert_eq!(events(&sent(&mut stage)), [(3, "pusher_internal:member_removed")]);
    stage.hub.disconnect(3);
    assert_eq!(sent(&mut stage), []);
    assert_eq!(stage.hub.describe("presence-a", "user_count"), json!({ "occupied": false, "user_count": 0 }));
}

#[test]
fn client_events_are_for_members_of_private_channels_and_not_for_their_sender() {
    let mut stage = stage(3);
    for number in [1, 2] {
        subscribe(&mut stage, number, "presence-a", &format!("u{number}"));
        subscribe(&mut stage, number, "news", "");
        subscribe(&mut stage, number, "private-encrypted-a", "");
    }
    let event = |channel: &str| json!({ "event": "client-typing", "channel": channel, "data": { "on": true } });
    let heard = say(&mut stage, 1, &event("presence-a"));
    assert_eq!(heard.len(), 1);
    assert_eq!((heard[0].0, &heard[0].1["user_id"], &heard[0].1["data"]["on"]), (2, &"u1".into(), &true.into()));
    for (number, channel) in [(1, "news"), (1, "private-encrypted-a"), (3, "presence-a"), (1, "private-none")] {
        let answer = say(&mut stage, number, &event(channel));
        assert_eq!(events(&answer), [(number, "pusher:error")], "{channel}");
        assert_eq!(answer[0].1["data"]["code"], 4301);
    }
    let passed =
        (0..20).filter(|_| events(&say(&mut stage, 1, &event("presence-a"))) == [(2, "client-typing")]).count();
    assert_eq!(passed, 9, "ten in a second, with the one before");
    let mut silent = Stage { hub: Hub::new(signer(), false, 9, 120), board: Board::default() };
    silent.hub.connect(7);
    subscribe(&mut silent, 1, "private-a", "");
    silent.effects();
    assert_eq!(events(&say(&mut silent, 1, &event("private-a"))), [(1, "pusher:error")]);
}

#[test]
fn hostile_messages_do_no_harm() {
    let mut stage = stage(1);
    for text in ["", "{}", "[]", "null", r#"{"event":7}"#, r#"{"event":"x"}"#, r#"{"event":"pusher:subscribe"}"#] {
        stage.hub.on_message(1, text, 1);
        assert!(sent(&mut stage).len() == 1, "{text}");
    }
    stage.hub.on_message(1, r#"{"event":"pusher:unsubscribe","data":{"channel":"never"}}"#, 1);
    stage.hub.on_message(99, r#"{"event":"pusher:ping"}"#, 1);
    assert_eq!(stage.effects(), []);
    for number in 0..300 {
        subscribe(&mut stage, 1, &format!("c{number}"), "");
    }
    assert_eq!(stage.hub.list("", "")["channels"].as_object().expect("an object").len(), 200);
    stage.hub.on_message(1, r#"{"event":"pusher:signin","data":{"auth":"key:00","user_data":"{\"id\":\"ada\"}"}}"#, 1);
    assert!(stage.effects().contains(&Effect::Close(1, close::UNAUTHORIZED)));
}

#[test]
fn a_server_that_was_away_tells_its_clients_and_forgets_what_may_be_old() {
    let mut stage = stage(2);
    subscribe(&mut stage, 1, "cache-a", "");
    stage.trigger("cache-a", "score", "{}", None);
    assert_eq!(events(&sent(&mut stage)), [(1, "score")]);
    stage.hub.hear("", &ChannelEvent::Missed);
    let missed = sent(&mut stage);
    assert_eq!((events(&missed), &missed[0].1["channel"]), (vec![(1, "tickwire:missed")], &"cache-a".into()));
    assert_eq!(events(&subscribe(&mut stage, 2, "cache-a", "")), [(2, SUBSCRIBED), (2, "pusher:cache_miss")]);
}

#[test]
fn webhooks_come_from_one_of_several_servers() {
    let mut stage = stage(0);
    for (is_ours, wanted) in [(true, vec!["channel_occupied", "member_added"]), (false, vec![])] {
        let channel = format!("presence-{is_ours}");
        let presence = Presence { channel: channel.clone(), member: "ada".into(), info: "{}".into(), count: 1 };
        stage.hub.hear(&channel, &ChannelEvent::Presence { presence, before: 0, is_ours });
        let hooks = stage.effects().into_iter().filter_map(|effect| match effect {
            Effect::Webhook(event) => Some(event["name"].as_str().expect("a name").to_owned()),
            _ => None,
        });
        assert_eq!(hooks.collect::<Vec<_>>(), wanted);
        assert_eq!(stage.hub.users(&channel), ["ada"]);
    }
}
