//! A person who is forgotten: the command leaves a note, and sinks are told by the server that runs, or by the next one.

use std::fs;

use serde_json::Value;

use crate::process::{Server, command};
use crate::receiver::Receiver;
use crate::{SECRET, wait_for};

#[test]
fn sinks_are_told_who_was_forgotten_by_the_running_server_and_by_the_next_one() {
    let folder = crate::folder("forgotten");
    let receiver = Receiver::start();
    let (data, outlets) = (folder.join("data"), folder.join("outlets.toml"));
    let text = format!(
        "[[sink]]\nname = \"hook\"\ntype = \"webhook\"\nurl = \"{}\"\nsecret = \"{SECRET}\"\nbatch = 50\n\
         kinds = [\"person.*\"]\n",
        receiver.url()
    );
    fs::write(&outlets, text).expect("a file");
    let (data, outlets) = (data.to_str().expect("a name"), outlets.to_str().expect("a name"));
    let tickwire = || command(env!("CARGO_BIN_EXE_tickwire"));
    let forget = |identity: &str| {
        let output = tickwire().args(["forget", identity, "--data", data]).output().expect("it starts");
        (output.status.code(), String::from_utf8(output.stdout).expect("text"))
    };
    let serve = || Server::start(&mut tickwire(), &["--data", data, "--outlets", outlets]);
    let told = "the sinks of the server are told";
    assert!(!forget("nobody").1.contains(told), "there was no server yet");
    let server = serve();
    let (code, text) = forget("ada-1815");
    assert!(code == Some(0) && text.contains(told), "{code:?}: {text}");
    wait_for(|| receiver.events().len() == 1, "the running server tells it");
    server.end("KILL");
    assert_eq!(forget("bob").0, Some(0));
    let server = serve();
    wait_for(|| receiver.events().iter().any(|event| event["data"]["identity"] == "bob"), "the next one tells it");
    let mut events = receiver.events();
    // The kill may have come before the server noted what it had delivered.
    events.dedup_by(|one, other| one["id"] == other["id"]);
    let of = |key: &str| -> Vec<&Value> { events.iter().map(|event| &event[key]).collect() };
    assert_eq!(of("type"), ["tickwire.person.forgotten"; 2]);
    assert_eq!(of("data"), [&serde_json::json!({ "identity": "ada-1815" }), &serde_json::json!({ "identity": "bob" })]);
    assert!(of("source") == ["/tickwire"; 2] && of("id")[0] != of("id")[1], "{events:?}");
    assert!(server.end("TERM").0.success());
}
