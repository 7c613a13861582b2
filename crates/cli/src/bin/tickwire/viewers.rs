//! `tickwire viewers`: many viewers of one room's film. The exit code is 0 if all got all of it, else 1; 2 is a usage error, 3 means that
//! the run failed.

use std::net::ToSocketAddrs;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, ValueEnum};
use tickwire_cli::viewers::{Outlet, Plan, Report, fullest_room, run as watch};

/// The variable with a token for the film, where its game wants one: other users of the machine can read flags.
const TOKEN: &str = "TICKWIRE_VIEWER_TOKEN";

/// Options of `tickwire viewers`.
#[derive(Args, Clone)]
pub struct ViewersArgs {
    /// The server, or a cache in front of it: a host and a port, without TLS
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:8080")]
    server: String,
    /// The room to watch (default: the public one with most players)
    #[arg(long, value_name = "ID")]
    room: Option<String>,
    /// The number of viewers
    #[arg(long, value_name = "N", default_value = "100", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    viewers: u32,
    /// How they get the film
    #[arg(long, value_enum, default_value = "events")]
    outlet: By,
    /// One of so many viewers decodes every state
    #[arg(long, value_name = "N", default_value = "100", value_parser = clap::value_parser!(u32).range(1..))]
    decode: u32,
    /// Viewers who come per second
    #[arg(long, value_name = "PER_SECOND", default_value = "500", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    arrivals: u32,
    /// How long to watch after all have come
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = clap::value_parser!(u64).range(1..=86_400))]
    duration: u64,
    /// Threads for the viewers
    #[arg(long, value_name = "N", default_value = "1", value_parser = clap::value_parser!(u16).range(1..=256))]
    threads: u16,
    /// The id of the server's process on this machine; the report then has its memory per viewer and its processor time
    #[arg(long, value_name = "PID")]
    server_pid: Option<u32>,
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum By {
    /// As server-sent events
    Events,
    /// Segment by segment
    Segments,
}

fn plan(args: &ViewersArgs) -> Result<Plan, (u8, String)> {
    let wrong = |error: String| (2, format!("--server {}: {error}", args.server));
    let mut found = args.server.to_socket_addrs().map_err(|error| wrong(error.to_string()))?;
    let server = found.next().ok_or_else(|| wrong("there is no such host".to_owned()))?;
    let room = match &args.room {
        Some(room) => room.clone(),
        None => fullest_room(server).map_err(|error| (3, format!("{server}: {error}")))?,
    };
    Ok(Plan {
        server,
        film: format!("/api/rooms/{room}/film"),
        outlet: match args.outlet {
            By::Events => Outlet::Events,
            By::Segments => Outlet::Segments,
        },
        viewers: args.viewers as usize,
        decodes: args.decode as usize,
        arrivals: args.arrivals as usize,
        duration: Duration::from_secs(args.duration),
        threads: args.threads.into(),
        token: std::env::var(TOKEN).ok(),
        server_pid: args.server_pid,
    })
}

/// Runs the viewers.
pub fn run(args: &ViewersArgs) -> ExitCode {
    let ran = plan(args).and_then(|plan| watch(plan).map_err(|error| (3, error.to_string())));
    match ran {
        Ok(report) => {
            crate::say(told(&report, args.json).as_bytes());
            ExitCode::from(u8::from(!report.is_good()))
        }
        Err((code, why)) => {
            crate::fail(&why);
            code.into()
        }
    }
}

fn told(report: &Report, json: bool) -> String {
    if json { serde_json::to_string_pretty(report).unwrap_or_default() + "\n" } else { report.to_string() }
}
