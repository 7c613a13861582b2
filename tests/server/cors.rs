//! Which pages of other sites may use the API: those that may play, and no others.

use tickwire::server::{Config, Pages};

use crate::refusals::{Answer, shake_hands};
use crate::support::{Raw, TestServer, lean};

const APPS: [&str; 6] =
    ["https://play.example", "capacitor://localhost", "ionic://localhost", "tauri://localhost", "app://game", "null"];
const TOKEN: &str = "8c1f0b52a7e94d6fb3d2c5a1907e6f48";

fn start() -> TestServer {
    let origins = APPS.map(str::to_owned).into();
    let admin_token = TOKEN.to_owned().into();
    TestServer::with(Config { origins, admin_token, pages: Pages::Embedded, ..lean() }, |server| server)
}

/// The head of the answer to a request, in lower case.
fn head(server: &TestServer, method: &str, path: &str, headers: &str) -> String {
    let mut raw = Raw::open(server.address);
    raw.say(format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n").as_bytes());
    raw.head().to_lowercase()
}

fn values<'a>(head: &'a str, name: &str) -> Vec<&'a str> {
    head.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix(": ")).collect()
}

#[test]
fn pages_that_may_play_may_use_the_api() {
    let server = start();
    let body = "{\"game\": \"arena\", \"seats\": 1}";
    let reserve = format!("Content-Type: application/json\r\nContent-Length: {}\r\n", body.len());
    for origin in APPS.into_iter().chain(["http://localhost:5173"]) {
        assert_eq!(shake_hands(&mut Raw::open(server.address), &format!("Origin: {origin}\r\n")), Answer::Session);
        let asked = format!("Origin: {origin}\r\n");
        for (path, status) in [
            ("/api/rooms", 200),
            ("/api/rooms?open=maybe", 400),
            ("/api/rooms/events", 200),
            ("/api/rooms/nowhere/costs", 404),
            ("/api/rooms/ab12cd34/qr.svg?scheme=http", 200),
        ] {
            let head = head(&server, "GET", path, &asked);
            assert!(head.starts_with(&format!("http/1.1 {status}")), "{origin} {path}: {head}");
            assert_eq!(values(&head, "access-control-allow-origin"), [origin], "{path}: {head}");
            assert_eq!(values(&head, "vary"), ["origin"], "{path}: {head}");
            assert!(values(&head, "access-control-allow-credentials").is_empty());
        }
        let preflight =
            format!("{asked}Access-Control-Request-Method: POST\r\nAccess-Control-Request-Headers: content-type\r\n");
        let head_of = head(&server, "OPTIONS", "/api/reservations", &preflight);
        assert!(head_of.starts_with("http/1.1 204"), "{head_of}");
        assert_eq!(values(&head_of, "access-control-allow-origin"), [origin]);
        assert_eq!(values(&head_of, "access-control-allow-methods"), ["post"]);
        assert_eq!(values(&head_of, "access-control-allow-headers"), ["authorization, content-type"]);
        let answer = server.ask(&format!(
            "POST /api/reservations HTTP/1.1\r\nHost: localhost\r\n{asked}{reserve}Connection: close\r\n\r\n{body}"
        ));
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        assert!(answer.contains(&format!("access-control-allow-origin: {origin}\r\n")), "{answer}");
    }
}

#[test]
fn other_pages_may_not_and_caches_are_told_that_it_depends() {
    let server = start();
    let preflight = "Access-Control-Request-Method: POST\r\n";
    for origin in ["https://evil.example", "http://play.example", "https://play.example.evil", "app://other", "NULL"] {
        let asked = format!("Origin: {origin}\r\n");
        let list = head(&server, "GET", "/api/rooms", &asked);
        assert_eq!((values(&list, "access-control-allow-origin").len(), values(&list, "vary")), (0, vec!["origin"]));
        let refused = head(&server, "OPTIONS", "/api/reservations", &format!("{asked}{preflight}"));
        assert!(refused.starts_with("http/1.1 403") && !refused.contains("access-control"), "{refused}");
        let refused = head(&server, "POST", "/api/reservations", &format!("{asked}Content-Length: 0\r\n"));
        assert!(refused.starts_with("http/1.1 403") && !refused.contains("access-control"), "{refused}");
    }
    assert_eq!(values(&head(&server, "GET", "/api/rooms", ""), "vary"), ["origin"], "without an origin as well");
    assert_eq!(server.metric("tickwire_refusals_total{reason=\"origin\"}"), 10.0);
}

#[test]
fn operators_have_pages_of_this_server_only() {
    let server = start();
    let asked = format!("Origin: https://play.example\r\nAuthorization: Bearer {TOKEN}\r\n");
    for path in ["/admin/", "/admin/api/events", "/admin/api/rooms/x/frame", "/metrics", "/healthz", "/"] {
        let head = head(&server, "GET", path, &asked);
        assert!(!head.contains("access-control"), "{path}: {head}");
    }
    let preflight = "Origin: https://play.example\r\nAccess-Control-Request-Method: POST\r\n";
    let refused = head(&server, "OPTIONS", "/admin/api/rooms/x/close", preflight);
    assert!(!refused.starts_with("http/1.1 2") && !refused.contains("access-control"), "{refused}");
}
