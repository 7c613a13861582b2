//! Names in many scripts pass as they are, and what hides or reorders text does not; `tests/golden/names.json` has both.

use serde::Deserialize;
use std::collections::BTreeMap;
use tickwire::engine::JoinRequest;
use tickwire::wire::{Join, Role, limits};

#[derive(Deserialize)]
struct Names {
    /// By script.
    kept: BTreeMap<String, Vec<String>>,
    /// What it is, the text, and what is left of it.
    changed: Vec<(String, String, String)>,
    /// The same for what is too long.
    cut: Vec<(String, String, String)>,
}

fn names() -> Names {
    serde_json::from_str(include_str!("golden/names.json")).expect("names")
}

fn named(raw: &str) -> String {
    JoinRequest::guest(Join::ById { room: String::new() }, Role::Player, raw).name
}

#[test]
fn names_in_thirty_scripts_stay_as_they_are() {
    let Names { kept, .. } = names();
    assert!(kept.len() >= 20, "{}", kept.len());
    for (script, names) in kept {
        names.iter().for_each(|name| assert_eq!(named(name), *name, "{script}: {}", name.escape_unicode()));
    }
}

#[test]
fn what_hides_or_reorders_goes() {
    for (what, raw, left) in names().changed {
        assert_eq!(named(&raw), left, "{what}: {}", named(&raw).escape_unicode());
    }
}

#[test]
fn long_names_are_cut_between_characters() {
    for (what, raw, left) in names().cut {
        assert_eq!(named(&raw), left, "{what}");
        assert!(left.len() <= limits::NAME_BYTES);
    }
}
