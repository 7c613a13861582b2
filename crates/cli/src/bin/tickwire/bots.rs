//! `tickwire bots`: simulates players against a running server and judges the run. The exit code is the verdict: 0 held, 1
//! broken, 3 none; 2 is a usage error.

use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use clap::{Args, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};
use tickwire::engine::link::Profile;
use tickwire::server::interrupted;
use tickwire_cli::bots::{
    Behaviour, Config, OBJECTIVES, Objective, Report, Search, Verify, check_endpoint, find_max, page, read_paths,
};

use crate::machine::Machine;
use crate::token::for_bots;

/// Options of `tickwire bots`.
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
    /// An option of the rooms to play in, such as map=big; may be repeated
    #[arg(long = "option", value_name = "KEY=VALUE", value_parser = option)]
    options: Vec<(String, String)>,
    /// What the bots are called; each adds its number
    #[arg(long, value_name = "NAME", default_value = "bot")]
    name: String,
    /// Sign a join token for each bot with this key of the server's, as player bot-NUMBER; the key may also be a shared secret in
    /// TICKWIRE_TOKEN_SECRET
    #[arg(long, value_name = "KID=FILE")]
    token_key: Option<String>,
    /// The audience of these tokens
    #[arg(long, value_name = "NAME", default_value = "tickwire")]
    token_audience: String,
    /// The issuer of these tokens
    #[arg(long, value_name = "NAME", default_value = "")]
    token_issuer: String,
    /// For wss://, a file with certificates in PEM to trust instead of the system's
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// The number of bots (default: 20; one per entity when following a recording)
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    players: Option<u32>,
    /// The number of rooms over which the bots are spread; with one, they join players who are there already
    #[arg(long, value_name = "N", default_value = "1", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    rooms: u32,
    /// How long to play after all bots have joined (default: 30); a recording is followed to its end
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    duration: Option<Duration>,
    /// How long the bots take to join (default: 100 joins per second)
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    ramp: Option<Duration>,
    /// The seed of all decisions of the bots
    #[arg(long, default_value = "1")]
    seed: u64,
    /// What the bots do
    #[arg(long, value_enum, default_value = "wander")]
    behaviour: Doing,
    /// The recording to follow, given as an option
    #[arg(long = "file", value_name = "FILE")]
    recording: Option<PathBuf>,
    /// An entity of the recording that nobody follows, such as a ball; may be repeated
    #[arg(long, value_name = "ENTITY")]
    skip_entity: Vec<u64>,
    /// The number of bots that rebuild the state and compare it with the server's hashes, or `all`
    #[arg(long, value_name = "N|all", default_value = "32", value_parser = verify)]
    verify: Verify,
    /// Frames per second that each bot requests; 0 for one per tick
    #[arg(long, value_name = "HZ", default_value = "0", value_parser = clap::value_parser!(u16).range(0..=120))]
    rate: u16,
    /// Threads for the bots
    #[arg(long, value_name = "N", default_value = "1", value_parser = clap::value_parser!(u16).range(1..=256))]
    threads: u16,
    /// An objective: a figure and its upper limit, such as tick_p99=25ms; may be repeated
    #[arg(long, value_name = "NAME=LIMIT", long_help = slo_help())]
    slo: Vec<Objective>,
    /// Bots that leave per second, half of them without a close frame; as many rejoin
    #[arg(long, value_name = "PER_SECOND", default_value = "0", value_parser = churn)]
    churn: f64,
    /// Simulate a network link for every bot: lan, wifi, lte, train, or a JSON file with a profile
    #[arg(long, value_name = "NAME|FILE", value_parser = profile)]
    profile: Option<Profile>,
    /// The share of bots that are hostile, 0 to 1; the verdict covers the other bots, and how hostile sessions end
    #[arg(long, value_name = "FRACTION", default_value = "0", value_parser = fraction)]
    hostile: f64,
    /// Find how many bots the server holds; starts with --players (default: 50), each run takes --duration (default: 10)
    #[arg(long, conflicts_with_all = ["file", "recording"])]
    find_max: bool,
    /// The most bots that --find-max tries
    #[arg(long, value_name = "N", default_value = "100000", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    most_players: u32,
    /// The id of the server's process on this machine; the report then includes its processor time
    #[arg(long, value_name = "PID")]
    server_pid: Option<u32>,
    /// Write all figures to this file as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write an HTML page with charts to this file
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Doing {
    /// Walk about at random
    Wander,
    /// Run after the nearest other player
    Chase,
    /// Do nothing
    Idle,
    /// Walk recorded paths
    Follow,
}

fn seconds(text: &str) -> Result<Duration, String> {
    let number: f64 = text.parse().map_err(|_| "must be a number of seconds".to_owned())?;
    // One day is longer than any load test.
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

fn churn(text: &str) -> Result<f64, String> {
    // More than any server admits.
    const MOST: f64 = 100_000.0;
    let number = text.parse().ok().filter(|number| (0.0..=MOST).contains(number));
    number.ok_or_else(|| "must be a number of bots per second, 0 to 100000".to_owned())
}

fn option(text: &str) -> Result<(String, String), String> {
    let pair = text.split_once('=').filter(|(key, _)| !key.is_empty());
    pair.map(|(key, value)| (key.to_owned(), value.to_owned()))
        .ok_or_else(|| "must be KEY=VALUE, such as map=big".to_owned())
}

fn fraction(text: &str) -> Result<f64, String> {
    let number = text.parse().ok().filter(|number| (0.0..=1.0).contains(number));
    number.ok_or_else(|| "must be a share from 0 to 1, such as 0.1".to_owned())
}

fn profile(text: &str) -> Result<Profile, String> {
    let unknown = match Profile::named(text) {
        Ok(profile) => return Ok(profile),
        Err(unknown) => unknown,
    };
    match std::fs::read(text) {
        Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| format!("the profile cannot be read: {error}")),
        Err(_) => Err(format!("{unknown}; nor can a file of that name be read")),
    }
}

fn slo_help() -> String {
    let mut help = "An objective: a figure and its upper limit, such as tick_p99=25ms; may be repeated.\n\
        The exit code is 1 if an objective is broken, 3 if the bots or the machine were too slow for a verdict.\n\n"
        .to_owned();
    for known in &OBJECTIVES {
        let always = if known.always { " [limit 0 unless given]" } else { "" };
        help += &format!("{:<14} {}{always}\n", known.name, known.help);
    }
    help
}

/// Runs the bots. The exit code is the verdict.
pub fn run(args: &BotsArgs) -> ExitCode {
    match play(args) {
        Ok(report) => {
            // The verdict is returned even if the report cannot be printed.
            crate::say(format!("{report}\n").as_bytes());
            report.verdict.exit_code().into()
        }
        Err(ended) => {
            let (code, error) = match ended {
                Ended::Usage(error) => (2, error),
                Ended::NoVerdict(error) => (3, error),
            };
            crate::fail(&error);
            code.into()
        }
    }
}

/// Why there is no report.
enum Ended {
    /// The arguments are invalid.
    Usage(String),
    /// The run failed.
    NoVerdict(String),
}

/// The files for the report. Opened before the run, so that a path that cannot be written does not cost one.
struct Outputs {
    json: Option<File>,
    page: Option<File>,
}

impl Outputs {
    fn open(args: &BotsArgs) -> Result<Self, Ended> {
        let create =
            |path: &PathBuf| File::create(path).map_err(|error| Ended::Usage(format!("{}: {error}", path.display())));
        Ok(Self {
            json: args.json.as_ref().map(create).transpose()?,
            page: args.report.as_ref().map(create).transpose()?,
        })
    }

    fn write(self, report: &Report) -> Result<(), String> {
        if let Some(file) = self.json {
            serde_json::to_writer_pretty(file, report).map_err(|error| error.to_string())?;
        }
        if let Some(mut file) = self.page {
            file.write_all(page(report)?.as_bytes()).map_err(|error| error.to_string())?;
        }
        Ok(())
    }
}

fn play(args: &BotsArgs) -> Result<Report, Ended> {
    let config = config(args)?;
    enough_descriptors(config.players.len() as u64)?;
    let outputs = Outputs::open(args)?;
    check_endpoint(&config.url, config.ca.clone()).map_err(Ended::Usage)?;
    stop_at_ctrl_c(config.stop.clone());
    let bar = if io::stderr().is_terminal() { ProgressBar::new(1) } else { ProgressBar::hidden() };
    if let Ok(style) = ProgressStyle::with_template("{prefix}{bar:30} {elapsed}/{msg}") {
        bar.set_style(style);
    }
    let report = if args.find_max { search(args, &config, &bar) } else { watch(&config, &bar) };
    bar.finish_and_clear();
    let report = report.map_err(|error| Ended::NoVerdict(format!("the bots cannot run: {error}")))?;
    outputs.write(&report).map_err(|error| Ended::NoVerdict(format!("the report: {error}")))?;
    Ok(report)
}

/// The first ctrl-c ends the run early, with its report; the second one ends the process.
fn stop_at_ctrl_c(stop: Arc<AtomicBool>) {
    let wait = move || {
        let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return };
        runtime.block_on(async {
            interrupted().await;
            stop.store(true, Ordering::Relaxed);
            interrupted().await;
            // As shells report an interrupted process.
            std::process::exit(130);
        });
    };
    // Without the thread, ctrl-c ends the process at once, as it does by default.
    drop(thread::Builder::new().name("tickwire-signals".to_owned()).spawn(wait));
}

/// Checks the limit of open files: bots without a socket would look like a fault of the server.
fn enough_descriptors(bots: u64) -> Result<(), Ended> {
    /// Descriptors for the runtime, the report and queries to the server.
    const OTHERS: u64 = 64;
    match Machine::here().descriptors {
        Some(most) if most < bots + OTHERS => {
            let needed = bots + OTHERS;
            let text = format!("{bots} bots need {needed} open files and {most} are allowed: raise it (ulimit -n)");
            Err(Ended::NoVerdict(text))
        }
        _ => Ok(()),
    }
}

fn watch(config: &Config, bar: &ProgressBar) -> io::Result<Report> {
    bar.reset_elapsed();
    tickwire_cli::bots::run(config, |progress| {
        bar.set_length(progress.expected.as_millis() as u64);
        bar.set_position(progress.elapsed.min(progress.expected).as_millis() as u64);
        let (seconds, joined, failures) = (progress.expected.as_secs(), progress.joined, progress.failures);
        bar.set_message(format!("{seconds}s, {joined} joined, {failures} failures"));
    })
}

fn search(args: &BotsArgs, config: &Config, bar: &ProgressBar) -> io::Result<Report> {
    /// Time in which rooms notice that all players have left.
    const BETWEEN: Duration = Duration::from_millis(500);
    let search = Search::new(args.players.unwrap_or(50), args.most_players);
    let behaviour = config.players.first().cloned().unwrap_or(Behaviour::Wander);
    let play = |players: u32| {
        std::thread::sleep(BETWEEN);
        bar.set_prefix(format!("{players} bots "));
        let (ramp, players) = (ramp(args, players), vec![behaviour.clone(); players as usize]);
        watch(&Config { players, ramp, ..config.clone() }, bar)
    };
    find_max(search, play, |step| bar.suspend(|| crate::complain(&step.to_string())))
}

/// One hundred joins per second unless `--ramp` is given.
fn ramp(args: &BotsArgs, players: u32) -> Duration {
    args.ramp.unwrap_or(Duration::from_millis(10) * players)
}

fn config(args: &BotsArgs) -> Result<Config, Ended> {
    let players = players(args).map_err(Ended::Usage)?;
    let follows = args.behaviour == Doing::Follow;
    if follows && (args.churn > 0.0 || args.hostile > 0.0 || args.find_max) {
        let text =
            "--behaviour follow walks recordings to their end: it goes without --churn, --hostile and --find-max";
        return Err(Ended::Usage(text.to_owned()));
    }
    let seconds = Duration::from_secs(if args.find_max { 10 } else { 30 });
    let mut objectives = args.slo.clone();
    if args.find_max && objectives.is_empty() {
        let usual = FIND_MAX.iter().map(|text| text.parse::<Objective>().expect("a known objective"));
        objectives.extend(usual);
    }
    let tokens = for_bots(args.token_key.as_slice(), &args.token_audience, &args.token_issuer);
    let tokens = tokens.map_err(|error| Ended::Usage(format!("--token-key: {error}")))?;
    Ok(Config {
        url: args.url.clone(),
        game: args.game.clone().unwrap_or_else(|| if follows { "plaza" } else { "arena" }.to_owned()),
        options: args.options.clone(),
        name: args.name.clone(),
        tokens,
        ca: args.ca.clone(),
        rooms: args.rooms,
        duration: args.duration.unwrap_or(seconds),
        ramp: ramp(args, players.len() as u32),
        seed: args.seed,
        verify: args.verify,
        rate: args.rate,
        threads: args.threads.into(),
        objectives,
        churn: args.churn,
        profile: args.profile.clone(),
        hostile: args.hostile,
        server_pid: args.server_pid,
        players,
        stop: Arc::default(),
    })
}

/// The objectives of a search unless others are given: states at most two ticks old at 20 Hz, and inputs visible within a
/// quarter of a second.
const FIND_MAX: [&str; 3] = ["staleness_p99=100ms", "latency_p99=250ms", "skipped=0"];

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
