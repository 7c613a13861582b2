//! The command line as an operator uses it: its output, its errors, its logs.

#![cfg(unix)]
#![allow(clippy::disallowed_methods, reason = "real processes live in real time")]

mod process;

use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Output};

use process::{Server, free_port};

fn tickwire(args: &[&str]) -> Command {
    let mut command = process::command(env!("CARGO_BIN_EXE_tickwire"));
    command.args(args);
    command
}

fn run(args: &[&str]) -> Output {
    tickwire(args).output().expect("the binary starts")
}

fn serve(args: &[&str]) -> Server {
    Server::start(&mut tickwire(&[]), args)
}

#[test]
fn a_port_in_use_is_one_clear_line() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("a bound socket").to_string();
    let output = run(&["--bind", &address]);
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success());
    assert_eq!(text.lines().count(), 1, "{text}");
    assert!(text.contains(&address) && text.to_lowercase().contains("in use"), "{text}");
}

#[test]
fn bad_values_name_the_option_the_value_and_what_is_right() {
    for (args, wanted) in [
        (["--tick-rate", "121"], "1 to 120"),
        (["--tick-rate", "fast"], "whole number from 1 to 120"),
        (["--workers", "0"], "1 to 256"),
        (["--most-rooms", "-1"], "--most-rooms"),
        (["--allow-origin", "https://a.example/"], "no path"),
        (["--log", "a=b=c"], "a filter such as"),
        (["--pages", "elsewhere"], "dev:FOLDER"),
        (["--config", "no-such.toml"], "No such file"),
        (["--pages", "folder:no-such-folder"], "No such file"),
        (["--pages", "folder:/etc/hostname"], "is a file"),
        (["--dev", "no-such-folder"], "no-such-folder/web-demo: No such file"),
        (["--trace", "no-such-folder/trace.json"], "cannot write this file: No such file"),
        (["--trace", "/"], "Is a directory"),
        (["--data", "/dev/null/rooms"], "cannot make this folder: Not a directory"),
        (["--recordings", "/dev/null/rooms"], "cannot make this folder: Not a directory"),
        (["--outlets", "no-such.toml"], "No such file"),
    ] {
        let output = run(&[&format!("{}={}", args[0], args[1]), "--bind=127.0.0.1:0"]);
        let text = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{text}");
        assert!(output.stdout.is_empty(), "it does not say that it serves");
        assert_eq!(text.lines().count(), 1, "{text}");
        assert!(text.contains(args[0].trim_start_matches("--config").trim_start_matches("--outlets")), "{text}");
        assert!(text.contains(args[1]) && text.contains(wanted), "{text}");
    }
}

/// A configuration file for one test.
fn file(name: &str, text: &str) -> String {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&path, text).expect("a writable folder");
    path.to_string_lossy().into_owned()
}

#[test]
fn flags_win_over_variables_over_the_file_over_defaults() {
    let path = file("layers.toml", "# a comment\ntick_rate = 30\nworkers = 3\n\norigins = [\"https://a.example\"]\n");
    let mut command = tickwire(&["config", "--config", &path, "--tick-rate", "60", "--dev", "pages"]);
    command.env("TICKWIRE_TICK_RATE", "40").env("TICKWIRE_WORKERS", "5").env("TICKWIRE_LOG", "");
    let output = command.output().expect("the binary starts");
    let text = String::from_utf8_lossy(&output.stdout);
    let line = |key: &str| {
        let line = text.lines().find(|line| line.starts_with(&format!("{key} = ")));
        let (value, source) = line.and_then(|line| line.split_once(" # ")).expect("a value and its source");
        (value.trim_end().to_owned(), source.to_owned())
    };
    let expect = |key, value: &str, source: &str| {
        assert_eq!(line(key), (format!("{key} = {value}"), source.to_owned()));
    };
    expect("tick_rate", "60", "--tick-rate");
    expect("workers", "5", "TICKWIRE_WORKERS");
    expect("origins", "[\"https://a.example\"]", &format!("{path}:5"));
    expect("pages", "\"dev:pages\"", "--dev");
    expect("log", "\"tickwire=info,warn\"", "default");
    // The printed configuration is valid and equals the one that was read.
    let again = run(&["config", "--config", &file("again.toml", &text)]);
    let values = |text: &str| text.lines().map(|line| line.split(" # ").next().map(str::to_owned)).collect::<Vec<_>>();
    assert_eq!(values(&String::from_utf8_lossy(&again.stdout)), values(&text));
}

#[test]
fn mistakes_in_the_file_or_a_variable_are_named_in_one_line() {
    for (text, wanted) in [
        ("\ntick_rate = 500", &["tick_rate = 500", "bad.toml:2", "1 to 120"][..]),
        (
            "tikc_rate = 20\n[server]\n",
            &["\"tikc_rate\" (line 1, did you mean tick_rate?)", "\"server\" (line 2)", "tick_rate"],
        ),
        ("bind = \"0.0.0.0", &["bad.toml:1"]),
        ("tick_rate = 1\ntick_rate = 2", &["bad.toml:2"]),
        ("workers = \"8\"", &["workers = \"8\"", "1 to 256"]),
        ("origins = [1, \"x\\n\"]", &["origins = [1, \"x\\n\"]", "https://play.example"]),
    ] {
        let path = file("bad.toml", text);
        let output = run(&["--config", &path]);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success());
        assert_eq!(said.lines().count(), 1, "{said}");
        assert!(wanted.iter().all(|wanted| said.contains(wanted)), "{said}");
    }
    let output = tickwire(&[]).env("TICKWIRE_MOST_SESSIONS", "many\nmore").output().expect("the binary starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.lines().count() == 1 && said.contains("most_sessions = \"many\\nmore\" (TICKWIRE_MOST"), "{said}");
}

#[test]
fn the_doctor_fails_only_when_something_is_unsafe() {
    // Few sessions, so that the machine's limit of open files does not matter.
    let few = ["doctor", "--most-sessions", "10", "--workers", "1", "--room-threads", "1"];
    let fine = run(&few);
    assert!(fine.status.success());
    assert_eq!(fine.stdout, b"nothing to mend\n");
    let unwise = run(&[&few[..], &["--log", "debug"]].concat());
    assert!(unwise.status.success());
    assert!(unwise.stdout.starts_with(b"unwise: log = \"debug\""));
    let harmful = run(&[&few[..], &["--bind", "0.0.0.0:8080"]].concat());
    assert_eq!(harmful.status.code(), Some(1));
    assert!(harmful.stdout.starts_with(b"unsafe: bind = 0.0.0.0:8080"));
}

/// The doctor's findings about a server with `more` arguments, and whether one is unsafe.
#[cfg(unix)]
fn findings(more: &[&str]) -> (String, bool) {
    let few = ["doctor", "--most-sessions", "10", "--workers", "1", "--room-threads", "1"];
    let output = run(&[&few[..], more].concat());
    (String::from_utf8_lossy(&output.stdout).into_owned(), !output.status.success())
}

#[test]
#[cfg(unix)]
fn the_doctor_looks_at_who_may_read_and_change_files() {
    use std::os::unix::fs::PermissionsExt;
    let allow = |path: &str, mode: u32| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("it is there");
    };
    let config = file("open.toml", &format!("admin_token = {:?}\n", "8c1f0b52a7e94d6fb3d2c5a1907e6f48"));
    let secret = file("shared.key", "a-secret-of-more-than-thirty-two-bytes");
    let args = ["--config", &config, "--token-key", &format!("a={secret}"), "--guests", "false"];
    for (of_config, of_secret, wanted) in [
        (0o600, 0o600, &[][..]),
        (0o644, 0o600, &["the configuration with admin_token", "can be read by everyone"]),
        (0o666, 0o600, &["the configuration in", "can be changed by everyone", "the configuration with admin_token"]),
        (0o600, 0o644, &["token_keys in", "can be read by everyone", "(mode 644)", "chmod 600"]),
    ] {
        allow(&config, of_config);
        allow(&secret, of_secret);
        let (said, harmful) = findings(&args);
        assert_eq!(harmful, !wanted.is_empty(), "{said}");
        assert!(wanted.iter().all(|wanted| said.contains(wanted)), "{wanted:?}: {said}");
        assert!(!said.contains("8c1f"), "{said}");
    }
    // Without secrets, everyone may read a configuration.
    let plain = file("plain.toml", "tick_rate = 30\n");
    allow(&plain, 0o644);
    assert_eq!(findings(&["--config", &plain]).0, "nothing to mend\n");
}

#[test]
#[cfg(unix)]
fn the_doctor_looks_at_certificates() {
    use std::os::unix::fs::PermissionsExt;
    let mut wanted = rcgen::CertificateParams::new(["localhost".to_owned()]).expect("a name");
    let key = rcgen::KeyPair::generate().expect("a key");
    let key_file = file("doctor.key", &key.serialize_pem());
    for (year, mode, said) in
        [(2100, 0o600, "nothing to mend"), (2020, 0o600, "doctor.crt expired"), (2100, 0o644, "tls_key in")]
    {
        wanted.not_after = rcgen::date_time_ymd(year, 1, 1);
        let cert = file("doctor.crt", &wanted.self_signed(&key).expect("a certificate").pem());
        std::fs::set_permissions(&key_file, std::fs::Permissions::from_mode(mode)).expect("it is there");
        let (found, harmful) = findings(&["--tls-cert", &cert, "--tls-key", &key_file]);
        assert!(found.contains(said) && harmful != said.starts_with("nothing"), "{found}");
    }
}

#[test]
fn origins_of_apps_can_be_listed_in_the_file_and_by_flags() {
    let listed = ["capacitor://localhost", "ionic://localhost", "tauri://localhost", "app://game", "null"];
    let path = file("apps.toml", &format!("origins = {listed:?}\n"));
    let flags: Vec<&str> = listed.into_iter().flat_map(|origin| ["--allow-origin", origin]).collect();
    for args in [&["--config", &path][..], &flags] {
        let shown = run(&[&["config"][..], args].concat());
        let text = String::from_utf8_lossy(&shown.stdout);
        let line = format!("origins = {listed:?}");
        assert!(shown.status.success() && text.contains(&line), "{text}");
    }
    let variable =
        tickwire(&["config"]).env("TICKWIRE_ORIGINS", "null,app://game").output().expect("the binary starts");
    let text = String::from_utf8_lossy(&variable.stdout);
    assert!(text.contains("origins = [\"null\", \"app://game\"]"), "{text}");
}

#[test]
fn it_says_its_version_and_completes_itself() {
    let version = String::from_utf8_lossy(&run(&["--version"]).stdout).into_owned();
    assert!(version.starts_with(concat!("tickwire ", env!("CARGO_PKG_VERSION"), " (")), "{version}");
    for shell in ["bash", "zsh", "fish"] {
        let script = run(&["completions", shell]);
        assert!(script.status.success());
        assert!(String::from_utf8_lossy(&script.stdout).contains("tick-rate"), "{shell}");
    }
}

/// Runs a server with `args` and a hostile client, and returns the log.
fn logged(args: &[&str]) -> String {
    let server = serve(&[args, &["--log", "tickwire=debug"]].concat());
    let evil = "evil\nINFO tickwire: all is well\r\u{1b}[2J\"}";
    for game in [evil, "arena"] {
        run(&["bots", "--url", &server.url(), "--players", "1", "--duration", "1", "--game", game]);
    }
    let (status, said) = server.end("TERM");
    assert!(status.success());
    assert!(said.contains("no room was made") && said.contains("evil"), "{said}");
    said
}

#[test]
fn logs_are_lines_whatever_clients_say() {
    let text = logged(&[]);
    assert!(!text.contains('\u{1b}') && !text.contains('\r'), "{text}");
    assert!(text.lines().all(|line| line.starts_with("20") && line.contains("Z ")), "a time opens each line: {text}");
    let json = logged(&["--log-format", "json"]);
    let events: Vec<serde_json::Value> =
        json.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect();
    let event = |message: &str| events.iter().find(|event| event["message"] == message);
    let ended = event("room ended").expect("the room's life is logged");
    assert!(ended["span"]["name"] == "room" && ended["span"]["game"] == "arena", "{ended}");
    let seated = event("seated").expect("sessions are logged at debug");
    assert!(seated["span"]["name"] == "session" && seated["span"]["id"].is_u64(), "{seated}");
}

#[test]
fn a_trace_shows_the_phases_of_every_tick() {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("trace.json");
    let server = serve(&["--trace", path.to_str().expect("UTF-8")]);
    assert!(run(&["bots", "--url", &server.url(), "--players", "3", "--duration", "3"]).status.success());
    assert!(server.end("TERM").0.success());
    let text = std::fs::read_to_string(path).expect("the trace");
    let events: Vec<serde_json::Value> = serde_json::from_str(&text).expect("JSON");
    let named = |name: &str| events.iter().filter(|event| event["name"] == name).collect::<Vec<_>>();
    let span = |event: &serde_json::Value| {
        let (from, took) = (event["ts"].as_f64().expect("a start"), event["dur"].as_f64().expect("a length"));
        (event["tid"].as_u64(), event["args"]["tick"].as_u64(), from, from + took)
    };
    let ticks: Vec<_> = named("tick").into_iter().map(span).collect();
    assert!(ticks.len() >= 40, "{} ticks", ticks.len());
    for phase in ["merge", "step", "write_snapshot", "freeze", "publish"] {
        let parts: Vec<_> = named(phase).into_iter().map(span).collect();
        assert_eq!(parts.len(), ticks.len(), "{phase}");
        for ((room, tick, from, until), whole) in parts.iter().zip(&ticks) {
            assert_eq!((*room, *tick), (whole.0, whole.1));
            // The trace has times in thousandths.
            assert!(*from >= whole.2 - 0.002 && *until <= whole.3 + 0.002, "{phase}: {from} to {until} in {whole:?}");
        }
    }
    assert!(!named("compose").is_empty() && named("compose").len() == named("send").len());
    assert_eq!(named("thread_name").len(), 1, "one room");
    assert_eq!(named("end")[0]["args"]["dropped"], 0);
}

#[test]
fn bots_without_a_server_say_so() {
    let free = free_port();
    let output = run(&["bots", "--url", &format!("ws://127.0.0.1:{free}/play"), "--players", "2", "--duration", "1"]);
    assert!(!output.status.success());
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(text.to_lowercase().contains("refused"), "{text}");
}

/// What was typed or set, and what is answered: the exit code, and a part of what is said.
#[test]
fn the_command_line_answers_mistakes_with_what_would_be_right() {
    let key = file("table.key", "a-secret-of-more-than-thirty-two-bytes");
    let (one, two) = (format!("a={key}"), format!("b={key}"));
    let config = file("table.toml", "tick_rate = 31\n");
    let strange = file("strange.toml", "tikc_rate = 31\n");
    let stray = |name: &'static str| [(name, "20")];
    let token = ["token", "--sub", "ada"];
    for (typed, set, code, wanted) in [
        (vec!["config", "--config", &config], vec![], 0, "tick_rate = 31"),
        (vec!["--config", &config, "config"], vec![], 0, "tick_rate = 31"),
        (vec!["--config", &config, "config", "--tick-rate", "32"], vec![], 0, "tick_rate = 32"),
        (vec!["--tick-rate", "33", "config", "--config", &config], vec![], 0, "tick_rate = 33"),
        (vec!["--tick-rate", "33", "config", "--tick-rate", "34"], vec![], 0, "tick_rate = 34"),
        (vec!["--dev", "there", "config"], vec![], 0, "# --dev"),
        (vec!["--dev", "there", "config", "--pages", "none"], vec![], 0, "\"none\""),
        (
            vec!["--bind", "127.0.0.1:1", "bots"],
            vec![],
            2,
            "--bind is a flag of the configuration, which `tickwire bots`",
        ),
        (vec!["--bind", "localhost"], vec![], 2, "--bind"),
        (vec!["confg"], vec![], 2, "config"),
        (vec!["--tick-rat", "30"], vec![], 2, "--tick-rate"),
        (vec!["config", "--config", &strange], vec![], 2, "did you mean tick_rate?"),
        (vec!["config"], stray("TICKWIRE_TIKC_RATE").to_vec(), 0, "TICKWIRE_TIKC_RATE names no configuration key"),
        (vec!["config"], stray("TICKWIRE_TICKRATE").to_vec(), 0, "did you mean TICKWIRE_TICK_RATE?"),
        (
            vec!["doctor", "--most-sessions", "10"],
            stray("TICKWIRE_ORIGIN").to_vec(),
            0,
            "did you mean TICKWIRE_ORIGINS?",
        ),
        (vec!["config"], vec![("TICKWIRE_TICK_RATE", "0")], 2, "TICKWIRE_TICK_RATE"),
        (token.to_vec(), vec![], 2, "TICKWIRE_TOKEN_SECRET"),
        ([&token[..], &["--token-key", &one, "--kid", "c"]].concat(), vec![], 2, "no key \"c\": the keys are \"a\""),
        (
            [&token[..], &["--token-key", &one, "--token-key", &two]].concat(),
            vec![],
            2,
            "--kid): the keys are \"a\", \"b\"",
        ),
        (vec!["nodes"], vec![], 2, "set redis"),
        (vec!["forget", "ada"], vec![], 2, "--recordings FOLDER"),
        (vec!["measure", "no-such.csv"], vec![], 2, "no-such.csv: No such file"),
        (vec!["new", "Snow_Fight"], vec![], 2, "such as snow-fight"),
        (vec!["new", "std"], vec![], 2, "take another name"),
        (vec!["new", "snow-fight", "--template", "large"], vec![], 2, "plain, mounted, teams"),
        (vec!["new", "snow-fight", "--local", "/no/such"], vec![], 2, "--local /no/such: No such file"),
        (vec!["new", "snow-fight", "--local", "/"], vec![], 2, "no copy of Tickwire's repository"),
        (vec!["bots", "--players", "0"], vec![], 2, "1..=100000"),
        (vec!["bots", "--option", "map"], vec![], 2, "KEY=VALUE"),
        (vec!["bots", "--token-key", "nonsense"], vec![], 2, "KID=FILE"),
    ] {
        let output = tickwire(&typed).envs(set.iter().copied()).output().expect("the binary starts");
        let said = [&output.stdout[..], &output.stderr].map(String::from_utf8_lossy).concat();
        assert_eq!(output.status.code(), Some(code), "{typed:?} {set:?}: {said}");
        assert!(said.contains(wanted), "{typed:?} {set:?}: {said}");
    }
}

#[test]
fn a_server_warns_of_variables_that_name_no_key_and_serves() {
    let server = Server::start(tickwire(&[]).env("TICKWIRE_TICKRATE", "30"), &[]);
    let (status, said) = server.end("TERM");
    assert!(status.success() && said.contains("WARN") && said.contains("did you mean TICKWIRE_TICK_RATE?"), "{said}");
}

#[test]
fn nobody_has_to_read_to_the_end() {
    let server = serve(&[]);
    let script = "\"$0\" bots --url \"$1\" --players 2 --ramp 0 --duration 1 | head -1";
    let args = ["-o", "pipefail", "-c", script, env!("CARGO_BIN_EXE_tickwire"), &server.url()];
    let output = process::command("bash").args(args).output().expect("a shell");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.starts_with("2 of 2 bots") && said.lines().count() == 1, "{said}");
    // The verdict is still the exit code. On a busy machine there may be none.
    assert!(matches!(output.status.code(), Some(0 | 3)) && output.stderr.is_empty(), "{output:?}");
}

#[test]
fn the_operators_token_is_never_shown() {
    // Only digits: as any other value, this would be read as a number.
    const TOKEN: &str = "31415926535897932384626433832795";
    for (token, good) in [(TOKEN, true), (&TOKEN[..20], false)] {
        let output = tickwire(&["config"]).env("TICKWIRE_ADMIN_TOKEN", token).output().expect("the binary starts");
        let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert_eq!(output.status.success(), good, "{text}");
        assert!(text.contains("TICKWIRE_ADMIN_TOKEN") && text.contains("(not shown)"), "{text}");
        assert!(!text.contains(token), "{text}");
        assert!(good || text.contains("at least 32 bytes"), "{text}");
    }
    let flag = run(&["--admin-token", TOKEN]);
    assert!(!flag.status.success(), "others on the machine can read flags");
}
