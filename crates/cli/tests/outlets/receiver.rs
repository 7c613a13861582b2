//! A receiver of webhooks that may be in any mood.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use serde_json::Value;

/// How it treats its callers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Mood {
    Fine,
    /// It answers every other request with an error, and keeps some of what it refused all the same.
    Failing,
    /// It hangs up.
    Away,
    /// It takes longer than anybody waits, and keeps what it got.
    Slow,
}

pub struct Receiver {
    port: u16,
    state: Arc<Mutex<State>>,
}

struct State {
    mood: Mood,
    requests: u64,
    events: Vec<Value>,
}

impl Receiver {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let state = Arc::new(Mutex::new(State { mood: Mood::Fine, requests: 0, events: Vec::new() }));
        let shared = state.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = shared.clone();
                thread::spawn(move || serve(stream, &shared));
            }
        });
        Self { port, state }
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/hook", self.port)
    }

    pub fn set(&self, mood: Mood) {
        self.state.lock().expect("no holder panics").mood = mood;
    }

    /// All that it got, in order.
    pub fn events(&self) -> Vec<Value> {
        self.state.lock().expect("no holder panics").events.clone()
    }
}

fn serve(stream: TcpStream, state: &Mutex<State>) {
    let mut reader = BufReader::new(stream);
    while let Some(body) = read(&mut reader) {
        let Value::Array(events) = serde_json::from_slice(&body).expect("JSON") else { panic!("a list is wanted") };
        let mut state = state.lock().expect("no holder panics");
        state.requests += 1;
        let (mood, is_odd) = (state.mood, state.requests % 2 == 1);
        if mood == Mood::Away {
            return;
        }
        let fails = mood == Mood::Failing && is_odd;
        if !fails || state.requests % 4 == 1 {
            state.events.extend(events);
        }
        drop(state);
        if mood == Mood::Slow {
            thread::sleep(Duration::from_secs(3));
        }
        let status = if fails { "500 Oh" } else { "204 Thanks" };
        let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n");
        if reader.get_mut().write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}

fn read(reader: &mut BufReader<TcpStream>) -> Option<Vec<u8>> {
    let (mut line, mut length) = (String::new(), 0);
    loop {
        line.clear();
        reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
        match line.trim().split_once(':') {
            Some((key, value)) if key.eq_ignore_ascii_case("content-length") => length = value.trim().parse().ok()?,
            None if line.trim().is_empty() => break,
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(body)
}
