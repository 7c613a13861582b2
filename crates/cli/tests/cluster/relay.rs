//! A TCP relay in front of Redis that can fall silent: a partition, in which neither side hears that the other one is gone. It may
//! be one for replicas and Sentinels alone, which say who they are.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

/// What a relay replaces on the way to its port, and by what, of the same length.
pub type Plant = (&'static str, &'static str);

/// A relay to one port.
pub struct Relay {
    pub port: u16,
    silent: Arc<AtomicBool>,
    /// Whether it is silent for replicas and Sentinels.
    silent_inside: Arc<AtomicBool>,
    over: Arc<AtomicBool>,
}

/// What replicas and Sentinels say first.
const INSIDERS: [&[u8]; 2] = [b"REPLCONF", b"sentinel-"];

impl Relay {
    pub fn to(port: u16) -> Self {
        Self::planting(port, &[])
    }

    /// A relay that changes what passes.
    pub fn planting(port: u16, plants: &'static [Plant]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let own = listener.local_addr().expect("a bound socket").port();
        let (silent, silent_inside, over): (Arc<AtomicBool>, Arc<AtomicBool>, Arc<AtomicBool>) = Default::default();
        let relay =
            Self { port: own, silent: silent.clone(), silent_inside: silent_inside.clone(), over: over.clone() };
        thread::spawn(move || {
            for near in listener.incoming().map_while(Result::ok) {
                if over.load(Ordering::Relaxed) {
                    return;
                }
                let Ok(far) = TcpStream::connect(("127.0.0.1", port)) else { continue };
                let none: &[Plant] = &[];
                let ways = [(near.try_clone(), far.try_clone(), plants), (Ok(far), Ok(near), none)];
                let is_inside = Arc::<AtomicBool>::default();
                for (from, to, plants) in ways {
                    let (silent, silent_inside, is_inside) = (silent.clone(), silent_inside.clone(), is_inside.clone());
                    let over = over.clone();
                    let (Ok(from), Ok(to)) = (from, to) else { continue };
                    thread::spawn(move || {
                        let is_silent = || {
                            let inside = is_inside.load(Ordering::Relaxed) && silent_inside.load(Ordering::Relaxed);
                            inside || silent.load(Ordering::Relaxed)
                        };
                        pass(from, to, plants, &is_inside, is_silent, &over);
                    });
                }
            }
        });
        relay
    }

    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Passes nothing on any more, or again.
    pub fn set_silent(&self, silent: bool) {
        self.silent.store(silent, Ordering::Relaxed);
    }

    /// Passes nothing on any more between the server and its replicas and Sentinels, or again.
    pub fn set_silent_inside(&self, silent: bool) {
        self.silent_inside.store(silent, Ordering::Relaxed);
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

fn pass(
    mut from: TcpStream,
    mut to: TcpStream,
    plants: &[Plant],
    is_inside: &AtomicBool,
    is_silent: impl Fn() -> bool,
    over: &AtomicBool,
) {
    const LOOK_EVERY: Duration = Duration::from_millis(5);
    let _ = from.set_read_timeout(Some(LOOK_EVERY));
    let mut buffer = [0; 16 * 1024];
    let mut waiting = Vec::new();
    while !over.load(Ordering::Relaxed) {
        if is_silent() {
            thread::sleep(LOOK_EVERY);
            continue;
        }
        match from.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => {
                let says = |what: &&[u8]| buffer[..count].windows(what.len()).any(|part| part == *what);
                if INSIDERS.iter().any(says) {
                    is_inside.store(true, Ordering::Relaxed);
                }
                while is_silent() && !over.load(Ordering::Relaxed) {
                    thread::sleep(LOOK_EVERY);
                }
                waiting.extend(&buffer[..count]);
                plants.iter().for_each(|plant| replace(&mut waiting, *plant));
                let held = plants.iter().map(|(right, _)| begun(&waiting, right)).max().unwrap_or(0);
                let passes = waiting.len() - held;
                if to.write_all(&waiting[..passes]).is_err() {
                    break;
                }
                waiting.drain(..passes);
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(_) => break,
        }
    }
    let _ = to.shutdown(Shutdown::Both);
    let _ = from.shutdown(Shutdown::Both);
}

fn replace(bytes: &mut [u8], (right, wrong): Plant) {
    assert_eq!(right.len(), wrong.len(), "lengths are told before");
    let found = bytes.windows(right.len()).position(|window| window == right.as_bytes());
    found.into_iter().for_each(|at| bytes[at..at + right.len()].copy_from_slice(wrong.as_bytes()));
}

/// How many bytes at the end may be the beginning of this text. Commands end with a line break, so none waits for another one.
fn begun(bytes: &[u8], text: &str) -> usize {
    (1..text.len()).rev().find(|count| bytes.ends_with(&text.as_bytes()[..*count])).unwrap_or(0)
}
