//! Pages from a folder: streamed as fast as each client reads, with validators and ranges.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::time::Duration;

use tickwire::server::{Config, Pages};

use crate::hostile::resident_kib;
use crate::support::{PATIENT, Player, Raw, TestServer, lean};

const LARGE: usize = 30 * 1024 * 1024;

/// A folder with a large file, a text and a named pipe.
fn folder(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::create_dir_all(&folder).expect("a writable folder");
    std::fs::write(folder.join("large.bin"), vec![7; LARGE]).expect("a writable folder");
    std::fs::write(folder.join("index.html"), "<title>Files</title>").expect("a writable folder");
    folder
}

fn start(folder: &std::path::Path) -> Config {
    Config { pages: Pages::Folder(folder.to_owned()), ..lean() }
}

#[test]
fn many_slow_downloads_take_no_memory_and_hold_nobody_up() {
    const DOWNLOADS: usize = 60;
    let folder = folder("slow-files");
    let server = TestServer::alone_with(start(&folder), |server| server);
    let player = Player::arena(&server).aside();
    let before = resident_kib();
    let mut slow: Vec<TcpStream> = (0..DOWNLOADS)
        .map(|_| {
            let mut stream = TcpStream::connect(server.address).expect("it listens");
            stream.set_read_timeout(Some(PATIENT)).expect("a timeout");
            stream.write_all(b"GET /large.bin HTTP/1.1\r\nHost: localhost\r\n\r\n").expect("it reads");
            stream
        })
        .collect();
    let mut chunk = [0; 4096];
    for _ in 0..40 {
        for stream in &mut slow {
            assert!(stream.read(&mut chunk).expect("the download goes on") > 0);
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    let more = resident_kib().saturating_sub(before);
    println!("{more} KiB more for {DOWNLOADS} downloads of {} MiB", LARGE / 1024 / 1024);
    assert!(more < 100 * 1024, "{more} KiB more");
    // It was never thrown out. Whether its frames came in time, only a quiet machine can say.
    println!("undisturbed: {}", player.back().was_undisturbed());
    drop(slow);
    std::fs::remove_dir_all(folder).expect("it was there");
}

#[test]
fn files_have_validators_and_ranges() {
    let folder = folder("ranged-files");
    let server = TestServer::with(start(&folder), |server| server);
    let ask = |path: &str, headers: &str| {
        let mut raw = Raw::open(server.address);
        raw.say(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n").as_bytes());
        let head = raw.head();
        let mut body = Vec::new();
        raw.stream.read_to_end(&mut body).expect("the connection ends");
        (head, body.len())
    };
    let (page, length) = ask("/", "");
    assert!(page.starts_with("HTTP/1.1 200") && length == 20, "{page}");
    for wanted in
        ["content-type: text/html; charset=utf-8", "content-security-policy: ", "nosniff", "cache-control: no-cache"]
    {
        assert!(page.contains(wanted), "{wanted}: {page}");
    }
    assert!(!page.contains("content-disposition"), "{page}");
    let tag = page.lines().find_map(|line| line.strip_prefix("etag: ")).expect("a validator").to_owned();
    let (unchanged, length) = ask("/", &format!("If-None-Match: {tag}\r\n"));
    assert!(unchanged.starts_with("HTTP/1.1 304") && length == 0, "{unchanged}");
    let (part, length) = ask("/large.bin", "Range: bytes=1000-1999\r\n");
    assert!(part.starts_with("HTTP/1.1 206") && length == 1000, "{part}");
    assert!(part.contains(&format!("content-range: bytes 1000-1999/{LARGE}")), "{part}");
    let (whole, length) = ask("/large.bin", "");
    assert!(whole.starts_with("HTTP/1.1 200") && length == LARGE, "{whole}");
    assert!(ask("/large.bin", &format!("Range: bytes={LARGE}-\r\n")).0.starts_with("HTTP/1.1 416"));
    std::fs::remove_dir_all(folder).expect("it was there");
}

/// Bytes that this process, and the server in it, has read so far.
#[cfg(target_os = "linux")]
fn bytes_read() -> u64 {
    let text = std::fs::read_to_string("/proc/self/io").expect("linux");
    text.lines().find_map(|line| line.strip_prefix("rchar: ")).expect("a count").parse().expect("a number")
}

#[test]
#[cfg(target_os = "linux")]
fn a_head_alone_reads_no_file() {
    let folder = folder("head-files");
    let server = TestServer::alone_with(start(&folder), |server| server);
    let before = bytes_read();
    for _ in 0..5 {
        let head = server.ask("HEAD /large.bin HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        assert!(head.starts_with("HTTP/1.1 200") && head.ends_with("\r\n\r\n"), "{head}");
        assert!(head.contains(&format!("content-length: {LARGE}\r\n")) && head.contains("etag: "), "{head}");
    }
    let read = bytes_read() - before;
    println!("{read} bytes read");
    assert!(read < LARGE as u64, "{read} bytes read");
    std::fs::remove_dir_all(folder).expect("it was there");
}

/// What is in a folder but is no file: opening a pipe waits until somebody writes to it.
#[test]
#[cfg(unix)]
fn pipes_and_folders_are_no_pages() {
    let folder = folder("odd-files");
    let pipe = folder.join("pipe");
    let _ = std::fs::remove_file(&pipe);
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().expect("mkfifo").success());
    std::fs::create_dir_all(folder.join("below")).expect("a folder");
    let server = TestServer::with(start(&folder), |server| server);
    for path in ["/pipe", "/below", "/below/", "/nothing"] {
        assert!(server.get(path).starts_with("HTTP/1.1 404"), "{path}");
    }
    std::fs::remove_dir_all(folder).expect("it was there");
}
