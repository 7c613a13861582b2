//! `tickwire bots`: simulated players against a running server, and a verdict.

use std::fs::File;
use std::io::{self, IsTerminal};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};
use tickwire::bots::{Behaviour, Config, Report, Verify, read_paths};

/// Options of the bots.
#[derive(Args, Clone)]
pub struct BotsArgs {
    /// The recording to follow: CSV with the columns frame,entity,x_m,y_m, one frame per tick
    #[arg(value_name = "FILE", conflicts_with = "recording")]
    file: Option<PathBuf>,
    /// The endpoint of a running server
    #[arg(long, default_value = "ws://127.0.0.1:8080/play")]
    url: String,
    /// The game to play (default: arena; plaza when following a recording)
    #[arg(long)]
    game: Option<String>,
    /// How many bots (default: 20; one per entity when following a recording)
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    players: Option<u32>,
    /// Over how many rooms to spread them; with one, they join whoever plays already
    #[arg(long, value_name = "N", default_value = "1", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    rooms: u32,
    /// How long to play once all have come; a recording is followed to its end
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = seconds)]
    duration: Duration,
    /// How long the coming takes (default: 100 joins per second)
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    ramp: Option<Duration>,
    /// All decisions of the bots follow from it
    #[arg(long, default_value = "1")]
    seed: u64,
    /// What the bots do
    #[arg(long, value_enum, default_value = "wander")]
    behaviour: Doing,
    /// The recording to follow, as an option
    #[arg(long = "file", value_name = "FILE")]
    recording: Option<PathBuf>,
    /// An entity of the recording that nobody follows, such as a ball; may be repeated
    #[arg(long, value_name = "ENTITY")]
    skip_entity: Vec<u64>,
    /// How many bots rebuild the state and compare it with the server's hashes: a number or `all`
    #[arg(long, value_name = "N|all", default_value = "32", value_parser = verify)]
    verify: Verify,
    /// Frames per second that each bot asks for; 0 for one per tick
    #[arg(long, value_name = "HZ", default_value = "0", value_parser = clap::value_parser!(u16).range(0..=120))]
    rate: u16,
    /// Threads for the bots
    #[arg(long, value_name = "N", default_value = "1", value_parser = clap::value_parser!(u16).range(1..=256))]
    threads: u16,
    /// Write all figures to this file
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Doing {
    /// Walk about
    Wander,
    /// Run after the nearest other
    Chase,
    /// Do nothing
    Idle,
    /// Walk recorded paths
    Follow,
}

fn seconds(text: &str) -> Result<Duration, String> {
    let number: f64 = text.parse().map_err(|_| "must be a number of seconds".to_owned())?;
    // A day is longer than any load test.
    if (0.0..=86_400.0).contains(&number) {
        Ok(Duration::from_secs_f64(number))
    } else {
        Err("must be 0 to 86400 seconds".to_owned())
    }
}

fn verify(text: &str) -> Result<Verify, String> {
    match text {
        "all" => Ok(Verify::All),
        _ => text.parse().map(Verify::Sample).map_err(|_| "must be a whole number or `all`".to_owned()),
    }
}

/// Runs the bots. Succeeds when nothing went wrong.
pub fn run(args: BotsArgs) -> ExitCode {
    match play(&args) {
        Ok(report) => {
            println!("{report}");
            if report.passed { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => {
            eprintln!("tickwire: {error}");
            ExitCode::FAILURE
        }
    }
}

fn play(args: &BotsArgs) -> Result<Report, String> {
    let players = players(args)?;
    let follows = args.behaviour == Doing::Follow;
    let config = Config {
        url: args.url.clone(),
        game: args.game.clone().unwrap_or_else(|| if follows { "plaza" } else { "arena" }.to_owned()),
        rooms: args.rooms,
        duration: args.duration,
        ramp: args.ramp.unwrap_or(Duration::from_millis(10) * players.len() as u32),
        seed: args.seed,
        verify: args.verify,
        rate: args.rate,
        threads: args.threads.into(),
        players,
    };
    // Opened first: a path that cannot be written should not cost a run.
    let create = |path: &PathBuf| File::create(path).map_err(|error| format!("{}: {error}", path.display()));
    let json = args.json.as_ref().map(create).transpose()?;
    let bar = if io::stderr().is_terminal() { ProgressBar::new(1) } else { ProgressBar::hidden() };
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {elapsed}/{msg}") {
        bar.set_style(style);
    }
    let report = tickwire::bots::run(&config, |progress| {
        bar.set_length(progress.expected.as_millis() as u64);
        bar.set_position(progress.elapsed.min(progress.expected).as_millis() as u64);
        let (seconds, joined, failures) = (progress.expected.as_secs(), progress.joined, progress.failures);
        bar.set_message(format!("{seconds}s, {joined} joined, {failures} failures"));
    });
    bar.finish_and_clear();
    let report = report.map_err(|error| format!("the bots cannot run: {error}"))?;
    if let Some(file) = json {
        serde_json::to_writer_pretty(file, &report).map_err(|error| format!("the report: {error}"))?;
    }
    Ok(report)
}

fn players(args: &BotsArgs) -> Result<Vec<Behaviour>, String> {
    let file = args.file.as_ref().or(args.recording.as_ref());
    if let (Some(file), true) = (file, args.behaviour != Doing::Follow) {
        return Err(format!("{}: a recording needs --behaviour follow", file.display()));
    }
    let behaviour = match args.behaviour {
        Doing::Wander => Behaviour::Wander,
        Doing::Chase => Behaviour::Chase,
        Doing::Idle => Behaviour::Idle,
        Doing::Follow => {
            let file = file.ok_or("--behaviour follow needs a recording: add its file")?;
            let source = File::open(file).map_err(|error| format!("{}: {error}", file.display()))?;
            let paths = read_paths(source, &args.skip_entity).map_err(|error| error.to_string())?;
            let wanted = args.players.map_or(paths.len(), |players| players as usize);
            return Ok(paths.into_iter().take(wanted).map(Behaviour::Follow).collect());
        }
    };
    Ok(vec![behaviour; args.players.unwrap_or(20) as usize])
}
