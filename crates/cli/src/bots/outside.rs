//! The public view of a server: its metrics and its list of rooms.
//!
//! Requests use HTTP/1.0 and responses are read to the end, so chunked bodies and keep-alive need no handling.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::net::{IpAddr, TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};
use serde::{Deserialize, Serialize};
use tickwire::wire::limits;
use tokio_tungstenite::tungstenite::http::Uri;

use super::trust::Trust;

/// The address of a server's public endpoints.
#[derive(Clone, Debug)]
pub struct Outside {
    host: String,
    port: u16,
    /// For a server behind TLS.
    tls: Option<Arc<ClientConfig>>,
}

/// The metrics at one moment. Counters count from the server's start.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reading {
    /// A histogram of tick durations: upper bounds in seconds, ascending, with cumulative counts.
    ticks: Vec<(f64, f64)>,
    values: BTreeMap<String, f64>,
}

/// The server's metrics during a run. They include rooms and players that are not part of the run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct ServerFigures {
    /// Ticks computed.
    pub ticks: u64,
    /// The median tick duration in milliseconds, interpolated within a bucket of the histogram.
    pub tick_p50_ms: Option<f64>,
    /// The 99th percentile in milliseconds; infinite (in JSON `null`) beyond the last bucket.
    pub tick_p99_ms: Option<f64>,
    /// Ticks computed more than a period late.
    pub late_ticks: u64,
    /// Ticks never computed.
    pub skipped_ticks: u64,
    /// Times that sending to a slow client was held back.
    pub holds: u64,
    /// Bytes of messages sent per second.
    pub bytes_sent_per_second: f64,
}

#[derive(Deserialize)]
struct Room {
    id: String,
    players: usize,
    /// Seats held for disconnected players.
    away: usize,
}

impl Outside {
    const WITHIN: Duration = Duration::from_secs(1);
    /// More than a list of ten thousand rooms takes.
    const MOST_BYTES: u64 = 8 * 1024 * 1024;

    /// The server of a WebSocket endpoint; `None` if the URL has no host, or the certificates to trust cannot be read.
    pub fn of(url: &str, trust: &Trust) -> Option<Self> {
        let uri: Uri = url.parse().ok()?;
        let secure = uri.scheme_str() == Some("wss");
        let tls = if secure { Some(trust.config().ok()?) } else { None };
        let port = uri.port_u16().unwrap_or(if secure { 443 } else { 80 });
        Some(Self { host: uri.host()?.to_owned(), port, tls })
    }

    /// Whether the URL names this machine.
    pub fn is_here(&self) -> bool {
        let host = self.host.trim_matches(['[', ']']);
        host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
    }

    fn get(&self, path: &str) -> io::Result<String> {
        let host = self.host.trim_matches(['[', ']']);
        let address = (host, self.port).to_socket_addrs()?.next().ok_or(io::ErrorKind::NotFound)?;
        let stream = TcpStream::connect_timeout(&address, Self::WITHIN)?;
        stream.set_read_timeout(Some(Self::WITHIN))?;
        stream.set_write_timeout(Some(Self::WITHIN))?;
        let answer = match &self.tls {
            None => self.exchange(stream, path)?,
            Some(tls) => {
                let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
                let connection = ClientConnection::new(tls.clone(), name).map_err(io::Error::other)?;
                self.exchange(StreamOwned::new(connection, stream), path)?
            }
        };
        let (head, body) = answer.split_once("\r\n\r\n").ok_or(io::ErrorKind::InvalidData)?;
        let status = head.split(' ').nth(1).unwrap_or_default();
        if status == "200" { Ok(body.to_owned()) } else { Err(io::Error::other(format!("{path} answered {status}"))) }
    }

    fn exchange(&self, mut stream: impl Read + Write, path: &str) -> io::Result<String> {
        write!(stream, "GET {path} HTTP/1.0\r\nHost: {}:{}\r\n\r\n", self.host, self.port)?;
        let mut answer = Vec::new();
        match stream.take(Self::MOST_BYTES).read_to_end(&mut answer) {
            // A server may end TLS without saying so; the answer is complete when its head and body are.
            Err(error) if error.kind() != io::ErrorKind::UnexpectedEof => return Err(error),
            _ => {}
        }
        String::from_utf8(answer).map_err(|_| io::ErrorKind::InvalidData.into())
    }

    /// Reads the metrics.
    ///
    /// # Errors
    /// When the server does not serve them.
    pub fn metrics(&self) -> io::Result<Reading> {
        self.get("/metrics").map(|text| Reading::parse(&text))
    }

    /// Reads the number of present players by room id.
    ///
    /// # Errors
    /// When the server does not serve the list of rooms.
    pub fn players(&self) -> io::Result<BTreeMap<String, usize>> {
        let mut players = BTreeMap::<String, usize>::new();
        loop {
            let after = players.last_key_value().map_or_else(String::new, |(id, _)| format!("?after={id}"));
            let page: Vec<Room> = serde_json::from_str(&self.get(&format!("/api/rooms{after}"))?)?;
            let has_more = page.len() >= limits::ROOMS_LISTED;
            players.extend(page.into_iter().map(|room| (room.id, room.players.saturating_sub(room.away))));
            if !has_more {
                return Ok(players);
            }
        }
    }
}

impl Reading {
    const TICKS: &str = "tickwire_tick_duration_seconds_bucket{le=\"";

    fn parse(text: &str) -> Self {
        let mut reading = Self::default();
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let Some((name, value)) = line.split_once(' ') else { continue };
            let Ok(value) = value.split(' ').next().unwrap_or_default().parse::<f64>() else { continue };
            if let Some(bound) = name.strip_prefix(Self::TICKS) {
                let bound = bound.trim_end_matches("\"}");
                reading.ticks.push((bound.parse().unwrap_or(f64::INFINITY), value));
            } else if !name.contains('{') {
                reading.values.insert(name.to_owned(), value);
            }
        }
        reading
    }

    fn grown(&self, earlier: &Self, name: &str) -> f64 {
        let value = |reading: &Self| reading.values.get(name).copied().unwrap_or(0.0);
        (value(self) - value(earlier)).max(0.0)
    }

    /// Processor time of the server in seconds, if its metrics include it.
    pub fn cpu_seconds(&self) -> Option<f64> {
        ["process_cpu_seconds_total", "tickwire_process_cpu_seconds_total"]
            .iter()
            .find_map(|name| self.values.get(*name).copied())
    }

    /// The figures since `earlier`, which was `seconds` ago.
    pub fn since(&self, earlier: &Self, seconds: f64) -> ServerFigures {
        let count = |name| self.grown(earlier, name) as u64;
        let per_second = |name| if seconds > 0.0 { self.grown(earlier, name) / seconds } else { 0.0 };
        let before = |index: usize| earlier.ticks.get(index).map_or(0.0, |(_, count)| *count);
        let ticks: Vec<(f64, f64)> =
            self.ticks.iter().enumerate().map(|(index, (bound, count))| (*bound, count - before(index))).collect();
        ServerFigures {
            ticks: count("tickwire_ticks_total"),
            tick_p50_ms: quantile(&ticks, 0.5).map(|seconds| seconds * 1000.0),
            tick_p99_ms: quantile(&ticks, 0.99).map(|seconds| seconds * 1000.0),
            late_ticks: count("tickwire_late_ticks_total"),
            skipped_ticks: count("tickwire_skipped_ticks_total"),
            holds: count("tickwire_holds_total"),
            bytes_sent_per_second: per_second("tickwire_bytes_sent_total"),
        }
    }
}

/// The value below which the share `q` lies, given ascending bounds with cumulative counts; linear within a bucket.
fn quantile(buckets: &[(f64, f64)], q: f64) -> Option<f64> {
    let (_, all) = *buckets.last()?;
    let wanted = q * all;
    let mut below = (0.0, 0.0);
    for (bound, count) in buckets {
        if *count >= wanted && *count > below.1 {
            let (from, before) = below;
            return Some(from + (bound - from) * (wanted - before) / (count - before));
        }
        below = (*bound, *count);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const THEN: &str = "# HELP x\ntickwire_ticks_total 10\n\
        tickwire_tick_duration_seconds_bucket{le=\"0.001\"} 10\n\
        tickwire_tick_duration_seconds_bucket{le=\"0.002\"} 10\n\
        tickwire_tick_duration_seconds_bucket{le=\"+Inf\"} 10\n# EOF\n";
    const NOW: &str = "tickwire_ticks_total 110\ntickwire_late_ticks_total 3\ntickwire_bytes_sent_total 5000\n\
        tickwire_delta_bits{game=\"arena\"} 7\nprocess_cpu_seconds_total 1.5\n\
        tickwire_tick_duration_seconds_bucket{le=\"0.001\"} 60\n\
        tickwire_tick_duration_seconds_bucket{le=\"0.002\"} 110\n\
        tickwire_tick_duration_seconds_bucket{le=\"+Inf\"} 110\n";

    #[test]
    fn a_run_is_the_difference_of_two_readings() {
        let (then, now) = (Reading::parse(THEN), Reading::parse(NOW));
        let figures = now.since(&then, 2.0);
        assert_eq!((figures.ticks, figures.late_ticks, figures.skipped_ticks), (100, 3, 0));
        assert_eq!((figures.bytes_sent_per_second, now.cpu_seconds()), (2500.0, Some(1.5)));
        assert_eq!(figures.tick_p50_ms, Some(1.0));
        assert!((figures.tick_p99_ms.expect("there are ticks") - 1.98).abs() < 1e-9);
        assert_eq!(now.since(&now, 1.0).tick_p99_ms, None, "nothing happened");
    }

    #[test]
    fn what_is_beyond_the_last_bucket_is_endless() {
        assert_eq!(quantile(&[(0.1, 5.0), (f64::INFINITY, 10.0)], 0.99), Some(f64::INFINITY));
        assert_eq!(quantile(&[], 0.5), None);
    }

    #[test]
    fn the_endpoint_tells_where_to_ask() {
        let trust = Trust::default();
        for (url, wanted) in [
            ("ws://[::1]:9090/play", ("[::1]", 9090)),
            ("ws://a.example/play", ("a.example", 80)),
            ("wss://a.example/play", ("a.example", 443)),
        ] {
            let outside = Outside::of(url, &trust).expect("a host");
            assert_eq!(
                (outside.host.as_str(), outside.port, outside.tls.is_some()),
                (wanted.0, wanted.1, url.starts_with("wss"))
            );
        }
        assert!(Outside::of("nonsense", &trust).is_none_or(|outside| outside.port == 80));
    }
}
