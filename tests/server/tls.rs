//! TLS: playing over it, changing certificates without a pause, and cutting clients that do not read.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rcgen::CertificateParams;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use socket2::SockRef;
use tickwire::engine::Client;
use tickwire::server::{Config, Server};

use crate::admission::from;
use crate::slow::Restless;
use crate::support::{Raw, SUBPROTOCOL, TestServer, arena, masked, upgrade as request, wait_for};

type Stream = StreamOwned<ClientConnection, TcpStream>;

/// Two files with a certificate and its key.
pub struct Pair {
    pub cert: PathBuf,
    pub key: PathBuf,
}

impl Pair {
    pub fn named(name: &str) -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
        Self { cert: folder.join(format!("{name}.crt")), key: folder.join(format!("{name}.key")) }
    }

    /// Writes a fresh pair; returns whom to trust.
    pub fn write(&self) -> RootCertStore {
        self.write_with(|_| {})
    }

    fn write_with(&self, change: impl FnOnce(&mut CertificateParams)) -> RootCertStore {
        let mut wanted = CertificateParams::new(["localhost".to_owned()]).expect("a name");
        change(&mut wanted);
        let key = rcgen::KeyPair::generate().expect("a key");
        let made = wanted.self_signed(&key).expect("a certificate");
        std::fs::write(&self.cert, made.pem()).expect("a writable folder");
        std::fs::write(&self.key, key.serialize_pem()).expect("a writable folder");
        let mut roots = RootCertStore::empty();
        roots.add(made.der().clone()).expect("a certificate");
        roots
    }

    fn server(&self, add: impl FnOnce(Server) -> Server + Send + 'static) -> TestServer {
        let (tls_cert, tls_key) = (self.cert.clone(), self.key.clone());
        TestServer::with(Config { workers: 1, room_threads: 1, tls_cert, tls_key, ..Config::default() }, add)
    }
}

fn connect(address: SocketAddr, roots: &RootCertStore, tune: impl FnOnce(&TcpStream)) -> std::io::Result<Stream> {
    let stream = TcpStream::connect(address)?;
    tune(&stream);
    shake(stream, roots)
}

/// The TLS handshake.
fn shake(stream: TcpStream, roots: &RootCertStore) -> std::io::Result<Stream> {
    let provider = rustls::crypto::ring::default_provider().into();
    let versions = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = versions.expect("versions").with_root_certificates(roots.clone()).with_no_client_auth();
    let name = ServerName::try_from("localhost").expect("a name");
    let client = ClientConnection::new(Arc::new(config), name).expect("a client");
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    let mut stream = StreamOwned::new(client, stream);
    stream.conn.complete_io(&mut stream.sock)?;
    Ok(stream)
}

fn get(address: SocketAddr, roots: &RootCertStore, path: &str) -> std::io::Result<String> {
    let mut stream = connect(address, roots, |_| {})?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n")?;
    let mut answer = Vec::new();
    // How the stream ends is not the question here.
    let _ = stream.read_to_end(&mut answer);
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

fn upgrade(stream: &mut Stream) {
    stream.write_all(request(SUBPROTOCOL).as_bytes()).expect("the server reads");
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).expect("the server answers");
        answer.push(byte[0]);
    }
    assert!(answer.starts_with(b"HTTP/1.1 101"), "{}", String::from_utf8_lossy(&answer));
}

#[test]
fn it_plays_over_tls_and_speaks_nothing_else() {
    let pair = Pair::named("tls-play");
    let roots = pair.write();
    let server = pair.server(|server| server);
    let mut stream = connect(server.address, &roots, |_| {}).expect("a connection");
    upgrade(&mut stream);
    stream.write_all(&masked(0x82, &Client::hello(arena(), "tester", Vec::new(), 0))).expect("the server reads");
    let mut head = [0; 4];
    stream.read_exact(&mut head).expect("a frame");
    assert_eq!(head[0], 0x82, "a binary message");
    assert!(get(server.address, &roots, "/healthz").expect("an answer").starts_with("HTTP/1.1 200"));
    // Plain HTTP is no handshake, and the connection ends.
    let mut plain = TcpStream::connect(server.address).expect("the server listens");
    plain.set_read_timeout(Some(Duration::from_secs(10))).expect("a timeout");
    plain.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").expect("the server reads");
    let mut answer = Vec::new();
    let _ = plain.read_to_end(&mut answer);
    assert!(!answer.starts_with(b"HTTP"), "{}", String::from_utf8_lossy(&answer));
    // Whoever says nothing at all is hung up on.
    let mut silent = TcpStream::connect(server.address).expect("the server listens");
    silent.set_read_timeout(Some(Duration::from_secs(10))).expect("a timeout");
    assert!(silent.read(&mut [0; 16]).is_ok_and(|read| read == 0));
}

#[test]
fn pipelined_requests_are_not_answered_over_tls_either() {
    let pair = Pair::named("tls-pipelined");
    let roots = pair.write();
    let server = pair.server(|server| server);
    let mut stream = connect(server.address, &roots, |_| {}).expect("a connection");
    let request = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";
    stream.write_all(request.repeat(5000).as_bytes()).expect("the server reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("TLS ends as it should");
    assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{answer}");
}

#[test]
fn the_end_of_the_certificate_in_use_is_among_the_metrics() {
    let pair = Pair::named("tls-end");
    for year in [2040, 2050] {
        let roots = pair.write_with(|wanted| wanted.not_after = rcgen::date_time_ymd(year, 1, 1));
        let server = pair.server(|server| server);
        let told = || get(server.address, &roots, "/metrics").expect("an answer");
        let line =
            format!("tickwire_certificate_expires_seconds {}", rcgen::date_time_ymd(year, 1, 1).unix_timestamp());
        wait_for(|| told().lines().any(|told| told == line), &line);
    }
}

#[test]
fn a_new_certificate_is_taken_up_and_a_bad_one_is_not() {
    let pair = Pair::named("tls-reload");
    let first = pair.write();
    let server = pair.server(|server| server);
    let works = |roots: &RootCertStore| get(server.address, roots, "/healthz").is_ok_and(|text| text.contains("200"));
    assert!(works(&first));
    let mut playing = connect(server.address, &first, |_| {}).expect("a connection");
    upgrade(&mut playing);
    let second = pair.write();
    wait_for(|| works(&second), "the new certificate is there");
    assert!(!works(&first), "and the old one is not");
    std::fs::write(&pair.key, "no key at all").expect("a writable folder");
    std::thread::sleep(Duration::from_secs(5));
    assert!(works(&second), "a bad pair changes nothing");
    let third = pair.write();
    wait_for(|| works(&third), "a good pair after a bad one is there");
    playing.write_all(&masked(0x89, b"")).expect("what was there goes on");
    let mut head = [0; 2];
    playing.read_exact(&mut head).expect("a frame");
    // A pong, or that nobody said hello.
    assert!(head[0] == 0x8a || head[0] == 0x88, "{head:?}");
}

#[test]
fn a_frozen_session_is_cut_through_tls() {
    let pair = Pair::named("tls-frozen");
    let roots = pair.write();
    // Larger than all buffers on its way, of which TLS has one more.
    let server = pair.server(|server| Restless::added(server, 60_000));
    let small = |stream: &TcpStream| SockRef::from(stream).set_recv_buffer_size(4096).expect("a socket");
    let mut stream = connect(server.address, &roots, small).expect("a connection");
    upgrade(&mut stream);
    let hello = Client::hello(Restless::join(), "frozen", Vec::new(), 0);
    stream.write_all(&masked(0x82, &hello)).expect("the server reads");
    let start = Instant::now();
    let cut = || {
        let text = get(server.address, &roots, "/metrics").unwrap_or_default();
        text.contains("tickwire_session_endings_total{reason=\"slow_consumer\"} 1")
            && text.contains("tickwire_evictions_total 1")
    };
    wait_for(cut, "the frozen session is cut");
    assert!((5..11).contains(&start.elapsed().as_secs()), "{:?}", start.elapsed());
}

#[test]
fn silent_connections_of_one_address_leave_places_for_the_handshakes_of_others() {
    let pair = Pair::named("tls-silent");
    let roots = pair.write();
    let (tls_cert, tls_key, exempt) = (pair.cert.clone(), pair.key.clone(), Vec::new());
    let config = Config { workers: 1, room_threads: 1, tls_cert, tls_key, exempt, ..Config::default() };
    let config = Config { connections_per_address: 20, ..config };
    let server = TestServer::with(config, |server| server);
    let mut silent: Vec<Raw> = (0..300).map(|_| from(&server, 2)).collect();
    // All but a few are hung up on before they get to a handshake, whose time would be three seconds.
    wait_for(|| get(server.address, &roots, "/metrics").is_ok_and(|text| refused_handshakes(&text) >= 280), "refused");
    let open = silent.iter_mut().map(Raw::poll_end).filter(Option::is_none).count();
    assert!(open <= 20, "{open}");
    drop(silent);
    let again = || shake(from(&server, 2).stream, &roots).is_ok();
    wait_for(again, "the address gets its handshakes again");
}

fn refused_handshakes(metrics: &str) -> u64 {
    let name = "tickwire_refusals_total{reason=\"handshakes_per_address\"} ";
    metrics.lines().find_map(|line| line.strip_prefix(name)?.parse().ok()).unwrap_or(0)
}
