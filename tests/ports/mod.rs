//! Ports for servers that tests start as processes, which cannot choose one themselves and be asked afterwards.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::net::{TcpListener, UdpSocket};
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

/// Below the ports that the kernel gives to outgoing connections and to listeners that ask for any.
const RANGE: Range<u16> = 20_000..32_000;

/// What keeps a port from other tests, of this process and of others.
static HELD: Mutex<Vec<UdpSocket>> = Mutex::new(Vec::new());

/// A port of 127.0.0.1 on which nothing listens, and which no other test is given while this process runs: a server may end and
/// come back there. A UDP socket with the same number holds it; the servers of the tests speak TCP.
///
/// # Panics
///
/// If a thousand ports in turn are in use.
pub fn free_port() -> u16 {
    let first = RandomState::new().hash_one(std::process::id());
    let candidates = (first..).map(|nth| RANGE.start + (nth % RANGE.len() as u64) as u16);
    for port in candidates.take(1_000) {
        let Ok(held) = UdpSocket::bind(("127.0.0.1", port)) else { continue };
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            HELD.lock().unwrap_or_else(PoisonError::into_inner).push(held);
            return port;
        }
    }
    panic!("a thousand ports from {} on are in use", RANGE.start)
}
