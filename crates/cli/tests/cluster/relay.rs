//! A TCP relay in front of Redis that can fall silent: a partition, in which neither side hears that the other one is gone.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

/// A relay to one port.
pub struct Relay {
    pub port: u16,
    silent: Arc<AtomicBool>,
    over: Arc<AtomicBool>,
}

impl Relay {
    pub fn to(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let own = listener.local_addr().expect("a bound socket").port();
        let (silent, over) = (Arc::<AtomicBool>::default(), Arc::<AtomicBool>::default());
        let relay = Self { port: own, silent: silent.clone(), over: over.clone() };
        thread::spawn(move || {
            for near in listener.incoming().map_while(Result::ok) {
                if over.load(Ordering::Relaxed) {
                    return;
                }
                let Ok(far) = TcpStream::connect(("127.0.0.1", port)) else { continue };
                let ways = [(near.try_clone(), far.try_clone()), (Ok(far), Ok(near))];
                for (from, to) in ways {
                    let (silent, over) = (silent.clone(), over.clone());
                    let (Ok(from), Ok(to)) = (from, to) else { continue };
                    thread::spawn(move || pass(from, to, &silent, &over));
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
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

fn pass(mut from: TcpStream, mut to: TcpStream, silent: &AtomicBool, over: &AtomicBool) {
    const LOOK_EVERY: Duration = Duration::from_millis(5);
    let _ = from.set_read_timeout(Some(LOOK_EVERY));
    let mut buffer = [0; 16 * 1024];
    while !over.load(Ordering::Relaxed) {
        if silent.load(Ordering::Relaxed) {
            thread::sleep(LOOK_EVERY);
            continue;
        }
        match from.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => {
                if to.write_all(&buffer[..count]).is_err() {
                    break;
                }
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(_) => break,
        }
    }
    let _ = to.shutdown(Shutdown::Both);
    let _ = from.shutdown(Shutdown::Both);
}
