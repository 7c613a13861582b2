//! One viewer of a film: a stream of server-sent events, or segment by segment. One that loses its connection comes back and goes on
//! after the last segment that it has.

use std::cell::RefCell;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::Deserialize;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};

use super::witness::Witness;
use super::{Outlet, Shared};

/// What a viewer reads at a time.
const READ: usize = 64 * 1024;
/// The longest segment, far more than any has.
const LONGEST: usize = 16 * 1024 * 1024;
/// From a lost connection to the next attempt.
const AGAIN: Duration = Duration::from_millis(100);

thread_local! {
    /// One for all viewers of a thread: none waits while it has it.
    static SCRATCH: RefCell<Vec<u8>> = RefCell::new(vec![0; READ]);
}

/// What there is of a film.
#[derive(Deserialize)]
struct Index {
    incarnation: u64,
    segments: Vec<u32>,
    next: Option<u32>,
}

/// Watches until the run is over.
pub async fn watch(shared: &Shared, decodes: bool) {
    let (mut witness, mut server) = (Witness::new(decodes), shared.plan.server);
    while !shared.is_over() {
        let watched = match shared.plan.outlet {
            Outlet::Events => stream(shared, &mut server, &mut witness).await,
            Outlet::Segments => fetch(shared, &mut server, &mut witness).await,
        };
        if let Err(error) = watched
            && !shared.is_over()
        {
            shared.tally.lock().fail(error.to_string());
            sleep(AGAIN).await;
        }
    }
}

/// Counts a viewer while it gets the film.
struct Open<'a>(&'a Shared);

impl<'a> Open<'a> {
    fn new(shared: &'a Shared) -> Self {
        shared.tally.lock().open += 1;
        Self(shared)
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.tally.lock().open -= 1;
    }
}

/// Sends a request, and reads until `read` has enough.
async fn request(
    shared: &Shared,
    server: SocketAddr,
    path: &str,
    header: &str,
    mut read: impl FnMut(&[u8]) -> io::Result<bool>,
) -> io::Result<()> {
    let mut stream = TcpStream::connect(server).await?;
    let token =
        shared.plan.token.as_ref().map(|token| format!("Authorization: Bearer {token}\r\n")).unwrap_or_default();
    let head = format!("GET {path} HTTP/1.1\r\nHost: {server}\r\nConnection: close\r\n{token}{header}\r\n");
    stream.write_all(head.as_bytes()).await?;
    loop {
        match timeout(Duration::from_secs(1), stream.readable()).await {
            Ok(readable) => readable?,
            Err(_) if shared.is_over() => return Ok(()),
            Err(_) => continue,
        }
        let more = SCRATCH.with_borrow_mut(|scratch| match stream.try_read(scratch) {
            Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(count) => read(&scratch[..count]),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(true),
            Err(error) => Err(error),
        });
        if !more? || shared.is_over() {
            return Ok(());
        }
    }
}

/// Listens to the stream until it ends.
async fn stream(shared: &Shared, server: &mut SocketAddr, witness: &mut Witness) -> io::Result<()> {
    let last = witness.newest().map(|(incarnation, first)| format!("Last-Event-ID: {incarnation}-{first}\r\n"));
    // Who does not decode needs no more of a line than its beginning.
    let most = if witness.decodes() { LONGEST } else { 64 };
    let (mut line, mut open, mut place) = (Vec::new(), None, None);
    let (mut is_elsewhere, mut there) = (false, None);
    let path = format!("{}/events", shared.plan.film);
    let read = |bytes: &[u8]| {
        shared.tally.lock().bytes += bytes.len() as u64;
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            let kept = part.len().min(most.saturating_sub(line.len()));
            line.extend_from_slice(&part[..kept]);
            if part.ends_with(b"\n") {
                let text = String::from_utf8_lossy(&line);
                let text = text.trim_end();
                if is_elsewhere {
                    there = there.or_else(|| node(text.to_lowercase().strip_prefix("location: ")?));
                    if there.is_some() {
                        return Ok(false);
                    }
                } else if open.is_none() {
                    is_elsewhere = text.starts_with("HTTP/1.1 307");
                    if is_elsewhere {
                        line.clear();
                        continue;
                    }
                    if !text.starts_with("HTTP/1.1 200") {
                        return Err(io::Error::other(format!("the stream answers {text}")));
                    }
                    open = Some(Open::new(shared));
                } else if let Some(id) = text.strip_prefix("id: ") {
                    place =
                        id.split_once('-').and_then(|(start, first)| Some((start.parse().ok()?, first.parse().ok()?)));
                } else if let (Some(data), Some(place)) = (text.strip_prefix("data: "), place.take()) {
                    let now = Instant::now();
                    let mut tally = shared.tally.lock();
                    tally.arrived(place, now);
                    witness.comes(place, &mut tally);
                    if witness.decodes() {
                        witness.see(&BASE64_STANDARD.decode(data).unwrap_or_default(), &mut tally);
                    }
                }
                line.clear();
            }
        }
        Ok(true)
    };
    let ended = request(shared, *server, &path, &last.unwrap_or_default(), read).await;
    match there {
        Some(there) => {
            *server = there;
            Ok(())
        }
        None => ended,
    }
}

/// The server in the address of a redirect to another node.
fn node(location: &str) -> Option<SocketAddr> {
    location.strip_prefix("http://")?.split('/').next()?.parse().ok()
}

/// An answer that was read to its end.
struct Answer {
    status: u16,
    location: Option<String>,
    body: Vec<u8>,
}

async fn get(shared: &Shared, server: &mut SocketAddr, path: &str) -> io::Result<Answer> {
    loop {
        let answer = get_here(shared, *server, path).await?;
        match answer.location.as_deref().and_then(node) {
            Some(there) if answer.status == 307 && there != *server => *server = there,
            _ => return Ok(answer),
        }
    }
}

async fn get_here(shared: &Shared, server: SocketAddr, path: &str) -> io::Result<Answer> {
    let mut answer = Vec::new();
    let ended = request(shared, server, path, "", |bytes| {
        answer.extend_from_slice(bytes);
        if answer.len() > LONGEST { Err(io::ErrorKind::InvalidData.into()) } else { Ok(true) }
    });
    match ended.await {
        Err(error) if error.kind() != io::ErrorKind::UnexpectedEof => return Err(error),
        _ => {}
    }
    shared.tally.lock().bytes += answer.len() as u64;
    let cut = || io::Error::from(io::ErrorKind::UnexpectedEof);
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n").ok_or_else(cut)?;
    let head = String::from_utf8_lossy(&answer[..end]).to_lowercase();
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or_else(cut)?;
    let value = |name: &str| head.lines().find_map(|line| line.strip_prefix(name)).map(|value| value.trim().to_owned());
    let (location, length) = (value("location:"), value("content-length:"));
    let body = answer.split_off(end + 4);
    if length.and_then(|length| length.parse().ok()).is_some_and(|length: usize| length != body.len()) {
        return Err(cut());
    }
    Ok(Answer { status, location, body })
}

/// Fetches segments while each leads to the next.
async fn fetch(shared: &Shared, server: &mut SocketAddr, witness: &mut Witness) -> io::Result<()> {
    let film = &shared.plan.film;
    let mut place = match witness.next() {
        Some(next) => next,
        None => {
            let index = get(shared, server, film).await?;
            let read: Index = serde_json::from_slice(&index.body)
                .map_err(|_| io::Error::other(format!("the index answers {}", index.status)))?;
            let first = read.segments.last().copied().or(read.next).ok_or(io::ErrorKind::NotFound)?;
            (read.incarnation, first)
        }
    };
    let _open = Open::new(shared);
    while !shared.is_over() {
        let answer = get(shared, server, &format!("{film}/{}/{}", place.0, place.1)).await?;
        match (answer.status, answer.location) {
            (200, _) => {
                let now = Instant::now();
                let mut tally = shared.tally.lock();
                tally.arrived(place, now);
                witness.comes(place, &mut tally);
                witness.see(&answer.body, &mut tally);
                place = witness.next().unwrap_or(place);
            }
            (307, Some(location)) => {
                let mut parts = location.rsplit('/').map(str::parse);
                let there = (parts.next(), parts.next());
                let (Some(Ok(tick)), Some(Ok(incarnation))) = there else {
                    return Err(io::ErrorKind::InvalidData.into());
                };
                place = (incarnation, u32::try_from(tick).map_err(io::Error::other)?);
            }
            (_, _) if shared.is_over() => {}
            (status, _) => return Err(io::Error::other(format!("segment {}-{} answers {status}", place.0, place.1))),
        }
    }
    Ok(())
}
