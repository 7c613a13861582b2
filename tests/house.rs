//! The repository's rules as a test: which modules may import which, where time and threads are allowed, how long files may be.
//!
//! The test reads the sources as text. ARCHITECTURE.md gives the reasons.

use std::fs;
use std::path::{Path, PathBuf};

struct Source {
    path: String,
    text: String,
}

impl Source {
    /// The text without its unit tests, to which the rules do not apply.
    fn body(&self) -> &str {
        self.text.split("\n#[cfg(test)]").next().unwrap_or(&self.text)
    }
}

fn sources(folder: &str, endings: &[&str]) -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut waiting = vec![root.join(folder)];
    let mut found = Vec::new();
    while let Some(path) = waiting.pop() {
        let skipped = path.ends_with("node_modules") || path.ends_with("test-results");
        if path.is_dir() && !skipped {
            waiting
                .extend(fs::read_dir(&path).expect("a readable folder").map(|entry| entry.expect("an entry").path()));
        } else if endings.iter().any(|ending| path.extension().is_some_and(|found| found == *ending)) {
            let text = fs::read_to_string(&path).expect("text");
            found.push(Source { path: name(root, path), text });
        }
    }
    assert!(!found.is_empty(), "{folder} has sources");
    found
}

fn name(root: &Path, path: PathBuf) -> String {
    path.strip_prefix(root).expect("below the root").to_string_lossy().replace('\\', "/")
}

/// The sources of all packages, without their tests and examples.
fn rust() -> Vec<Source> {
    ["src", "crates/derive/src", "crates/games/src", "crates/outlets/src", "crates/cli/src"]
        .into_iter()
        .flat_map(|folder| sources(folder, &["rs"]))
        .collect()
}

/// The layer of a file: a file imports from lower layers only.
fn storey(path: &str) -> Option<(usize, &'static str)> {
    const STOREYS: [(&str, usize); 18] = [
        ("src/id.rs", 0),
        ("src/tick.rs", 0),
        ("src/snapshot/", 1),
        ("src/wire/", 2),
        ("src/game.rs", 3),
        ("src/typed.rs", 4),
        ("src/typed/", 4),
        ("crates/games/src/", 5),
        ("src/engine/", 6),
        ("crates/cli/src/bots/", 7),
        ("crates/cli/src/measure/", 7),
        ("src/trust/", 7),
        ("src/testing/", 7),
        ("src/cluster/", 8),
        ("src/tap/", 8),
        ("src/actor/", 9),
        ("src/server/", 10),
        ("crates/outlets/src/", 11),
    ];
    STOREYS.iter().find(|(prefix, _)| path.starts_with(prefix)).map(|(prefix, storey)| (*storey, *prefix))
}

#[test]
fn imports_point_down() {
    for source in rust() {
        let Some((own, own_prefix)) = storey(&source.path) else { continue };
        let (home, _) = source.path.split_once("src/").expect("all sources are below some src");
        for line in source.body().lines().filter(|line| !line.trim_start().starts_with("//")) {
            // What the own package has, and what another one takes from the library.
            for (at, package) in [("crate::", home), ("tickwire::", "")] {
                for module in line.split(at).skip(1) {
                    let module: String = module.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
                    let target = [".rs", "/"].map(|end| format!("{package}src/{module}{end}"));
                    let Some((other, prefix)) = target.iter().find_map(|target| storey(target)) else { continue };
                    assert!(other < own || prefix == own_prefix, "{} looks up: {line}", source.path);
                }
            }
        }
    }
}

#[test]
fn the_library_uses_no_other_package_of_the_repository() {
    for source in sources("src", &["rs"]) {
        for line in source.text.lines().filter(|line| !line.trim_start().starts_with("//")) {
            assert!(!line.contains("tickwire_games") && !line.contains("tickwire_cli"), "{}: {line}", source.path);
        }
    }
}

#[test]
fn the_pure_half_has_no_clock_socket_thread_or_lock() {
    const BANNED: [&str; 12] = [
        "Instant",
        "SystemTime",
        "std::thread",
        "thread_local!",
        "Mutex",
        "RwLock",
        "Atomic",
        "std::net",
        "tokio",
        "actix",
        "parking_lot",
        "tracing",
    ];
    for source in rust().iter().filter(|source| storey(&source.path).is_some_and(|(storey, _)| storey <= 6)) {
        for line in source.body().lines().filter(|line| !line.trim_start().starts_with("//")) {
            let found = BANNED.iter().find(|banned| line.contains(**banned));
            assert_eq!(found, None, "{}: {line}", source.path);
        }
    }
}

#[test]
fn the_wall_clock_is_read_for_tokens_and_files_only() {
    for source in rust().iter().filter(|source| source.body().contains("SystemTime::now()")) {
        let at_home = source.path == "src/trust/tokens.rs"
            || source.path.starts_with("crates/outlets/src/")
            || source.path.starts_with("crates/cli/src/bin/");
        assert!(at_home, "{} reads the wall clock", source.path);
    }
}

#[test]
fn games_iterate_over_nothing_unordered_and_compute_in_integers() {
    for source in rust()
        .iter()
        .filter(|source| source.path.starts_with("crates/games/src/") || source.path.starts_with("src/engine/"))
    {
        let body = source.body();
        assert!(!body.contains("HashMap") && !body.contains("HashSet"), "{}", source.path);
    }
    for source in rust().iter().filter(|source| source.path.starts_with("src/snapshot/")) {
        assert!(!source.body().contains("f32") && !source.body().contains("f64"), "{}", source.path);
    }
}

#[test]
fn crates_at_the_end_of_their_life_are_known_to_one_file_each() {
    for (name, home) in [("actix_web_actors", "src/actor/session.rs"), ("bincode", "src/wire/codec.rs")] {
        for source in rust() {
            let uses = source.text.contains(&format!("{name}::")) || source.text.contains(&format!("use {name}"));
            assert!(!uses || source.path == home, "{name} is used in {}", source.path);
        }
    }
}

#[test]
fn files_start_with_what_they_are_for_and_stay_short() {
    const MOST_LINES: usize = 400;
    let rust = ["src", "crates", "tests", "benches", "examples"].map(|folder| (folder, &["rs"][..]));
    let all = rust.into_iter().chain([("web-demo", &["js", "css"][..])]);
    for source in all.flat_map(|(folder, endings)| sources(folder, endings)) {
        let lines = source.text.lines().count();
        assert!(lines <= MOST_LINES, "{} has {lines} lines: cut it along a seam", source.path);
        let header = source.text.trim_start();
        let opens = ["//!", "/**", "/*", "//"].iter().any(|start| header.starts_with(start));
        assert!(opens, "{} does not say what it is for", source.path);
    }
}

/// Words that the field does not use for these things, with those that it does.
#[test]
fn names_are_the_fields_own() {
    const WORDS: [(&str, &str); 28] = [
        ("Ask", "Command"),
        ("Onlooker", "Spectator"),
        ("Role::Observer", "Role::Spectator"),
        ("Rule::Steer", "Authority::Server"),
        ("Laid", "InputRun"),
        ("PlacementEpoch", "CorrectionEpoch"),
        ("Heard", "SessionEvent"),
        ("Told", "ClientEvent"),
        ("Parting", "CloseReason"),
        ("Viewer", "FrameSender"),
        ("sitting", "seat_generation"),
        ("Standing", "RoomLifecycle"),
        ("Inbox", "InputBuffer"),
        ("Explainer", "BandwidthProfiler"),
        ("tidy", "sanitize"),
        ("Desk", "SeatChannel"),
        ("InTray", "PendingInput"),
        ("Guests", "SeatTable"),
        ("Dozing", "PollOnWake"),
        ("Guarded", "FrameGuard"),
        ("Passage", "GuardState"),
        ("Pulse", "SessionWaker"),
        ("Knock", "JoinRequest"),
        ("Greeting", "Verdict"),
        ("look_around", "sweep"),
        ("take_leave", "linger"),
        ("bury", "close_later"),
        ("overhear", "spectator_command"),
    ];
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    for source in rust() {
        let code = source.text.lines().map(|line| line.split("//").next().unwrap_or(line));
        for (line, (word, better)) in code.flat_map(|line| WORDS.iter().map(move |pair| (line, pair))) {
            let whole = line
                .match_indices(word)
                .any(|(at, _)| !line[..at].ends_with(is_part) && !line[at + word.len()..].starts_with(is_part));
            assert!(!whole, "{}: {word} is called {better} here: {}", source.path, line.trim());
        }
    }
}

#[test]
fn every_page_of_the_guide_is_found() {
    let read = |path| fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).expect("text");
    let (readme, contents) = (read("README.md"), read("src/guide/mod.rs"));
    for page in sources("src/guide", &["md"]).iter().filter(|page| !page.path.contains("first_game_")) {
        let name = page.path.trim_start_matches("src/guide/").trim_end_matches(".md");
        assert!(readme.contains(&page.path), "README.md does not lead to {}", page.path);
        assert!(contents.contains(&format!("[`{name}`]")), "the guide's contents lack {name}");
    }
}

#[test]
#[cfg(target_os = "linux")]
fn the_readme_says_how_many_crates_a_game_compiles() {
    let readme = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).expect("text");
    let features = [
        ("none: the engine and playtests, without I/O", &["--no-default-features"][..]),
        ("`server`", &["--no-default-features", "--features", "server"]),
        ("`server` and `log`, the default", &[]),
        ("the default and `cluster`", &["--features", "cluster"]),
    ];
    for (named, flags) in features {
        let mut tree = std::process::Command::new(env!("CARGO"));
        tree.args(["tree", "--locked", "--offline", "-p", "tickwire", "-e", "normal,build", "--prefix", "none"]);
        let output = tree.arg("--no-dedupe").args(flags).current_dir(env!("CARGO_MANIFEST_DIR")).output();
        let output = output.expect("cargo starts");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let crates: std::collections::BTreeSet<_> =
            text.lines().map(|line| line.split(' ').take(2).collect::<Vec<_>>()).collect();
        let row = format!("| {named} | {} |", crates.len());
        assert!(readme.contains(&row), "README.md lacks: {row} {}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn every_limit_has_a_reason() {
    let limits = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/wire/limits.rs")).expect("text");
    let lines: Vec<&str> = limits.lines().collect();
    for pair in lines.windows(2).filter(|pair| pair[1].starts_with("pub const")) {
        assert!(pair[0].starts_with("///"), "{}", pair[1]);
    }
}

#[test]
fn close_codes_are_documented() {
    let protocol = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("PROTOCOL.md")).expect("text");
    for close in tickwire::Close::ALL {
        let row = format!("| {} | {} | {}", close.code(), close.label(), close.text());
        assert!(protocol.contains(&row), "PROTOCOL.md lacks: {row}");
    }
}
