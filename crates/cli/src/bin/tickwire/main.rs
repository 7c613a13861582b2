//! The command line: parses arguments, configures and calls the library.

mod bots;
mod config_keys;
mod doctor;
mod files;
mod lines;
mod logs;
mod machine;
mod measure;
mod new;
mod nodes;
mod outlets;
mod paths;
mod replay;
mod serve;
mod settings;
mod timeline;
mod token;
mod trust;
mod types;
mod viewers;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::{Args, CommandFactory, Parser, Subcommand};
use clap_complete::{Shell, generate};

/// Realtime game state over WebSockets: serves the demo, or simulates players.
#[derive(Parser)]
#[command(name = "tickwire", version = VERSION)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    flags: config_keys::Flags,
}

/// The version and the commit it was built from, which `build.rs` finds.
const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), " (", env!("TICKWIRE_COMMIT"), ")");

#[derive(Subcommand)]
enum Command {
    /// Serve the demo and its games (the default)
    Serve(config_keys::Flags),
    /// Make the folder of a new game: rules in Rust, a page in TypeScript, tests
    New(new::NewArgs),
    /// Simulate players against a running server, and pass or fail the run
    Bots(Box<bots::BotsArgs>),
    /// Watch the film of a room many times over, and check that every viewer gets all of it
    Viewers(viewers::ViewersArgs),
    /// Measure the bytes of movement on the wire, compared with other encodings
    Measure(measure::MeasureArgs),
    /// Print the effective configuration with the source of each value
    Config(ConfigArgs),
    /// Report settings that are unsafe or unwise in production; fails if any is unsafe
    Doctor(config_keys::Flags),
    /// List the nodes of a cluster
    Nodes(nodes::NodesArgs),
    /// Sign a join token for testing, with a key of the configuration
    Token(token::TokenArgs),
    /// Run a recording of a room again, and compare every tick
    Replay(replay::ReplayArgs),
    /// Erase a person from all recordings and rooms
    Forget(replay::ForgetArgs),
    /// Write the types of the games for pages in TypeScript, or print them
    Types(types::TypesArgs),
    /// Print a shell script that completes this command
    Completions {
        /// The shell
        shell: Shell,
    },
}

#[derive(Args)]
struct ConfigArgs {
    /// Print the default file with comments instead, as a template for your own
    #[arg(long)]
    commented: bool,
    #[command(flatten)]
    flags: config_keys::Flags,
}

impl Command {
    /// The flags of the configuration, if the command reads it.
    fn flags(&mut self) -> Option<&mut config_keys::Flags> {
        match self {
            Self::Serve(flags) | Self::Doctor(flags) => Some(flags),
            Self::Config(args) => Some(&mut args.flags),
            Self::Nodes(args) => Some(&mut args.flags),
            Self::Token(args) => Some(&mut args.flags),
            Self::Forget(args) => Some(&mut args.flags),
            Self::New(_)
            | Self::Bots(_)
            | Self::Viewers(_)
            | Self::Measure(_)
            | Self::Replay(_)
            | Self::Types(_)
            | Self::Completions { .. } => None,
        }
    }
}

fn main() -> ExitCode {
    let Cli { command, flags } = Cli::parse();
    let Some(mut command) = command else { return serve::run(&flags) };
    // Flags may be given before the command and after it.
    match (command.flags(), flags.first()) {
        (Some(own), _) => own.put_after(flags),
        (None, Some(flag)) => {
            let name = std::env::args().find(|word| Cli::command().find_subcommand(word).is_some()).unwrap_or_default();
            return misused(&format!("{flag} is a flag of the configuration, which `tickwire {name}` does not read"));
        }
        (None, None) => {}
    }
    match command {
        Command::Serve(flags) => serve::run(&flags),
        Command::New(args) => new::run(&args),
        Command::Bots(args) => bots::run(&args),
        Command::Viewers(args) => viewers::run(&args),
        Command::Measure(args) => measure::run(&args),
        Command::Config(args) => print_config(&args),
        Command::Doctor(flags) => doctor::run(&flags),
        Command::Nodes(args) => nodes::run(&args),
        Command::Token(args) => token::run(&args),
        Command::Replay(args) => replay::run(&args),
        Command::Forget(args) => replay::forget(&args),
        Command::Types(args) => types::run(&args),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            generate(shell, &mut Cli::command(), "tickwire", &mut script);
            say(&script)
        }
    }
}

fn print_config(args: &ConfigArgs) -> ExitCode {
    if args.commented {
        return say(settings::COMMENTED.as_bytes());
    }
    match settings::Settings::load(&args.flags) {
        Ok(settings) => {
            settings.strays.iter().for_each(|stray| complain(&format!("tickwire: {stray}")));
            say(settings.describe().as_bytes())
        }
        Err(error) => misused(&error),
    }
}

/// Prints `text`. A closed pipe is no error: the reader wants no more.
fn say(text: &[u8]) -> ExitCode {
    match io::stdout().write_all(text).and_then(|()| io::stdout().flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => fail(&error.to_string()),
        _ => ExitCode::SUCCESS,
    }
}

/// Prints why the command fails, in one line, and returns the exit code of a failure.
fn fail(why: &str) -> ExitCode {
    complain(&format!("tickwire: {why}"));
    ExitCode::FAILURE
}

/// As [`fail`], when an argument or a value of the configuration is wrong: the exit code is that of bad usage.
fn misused(why: &str) -> ExitCode {
    complain(&format!("tickwire: {why}"));
    ExitCode::from(MISUSED)
}

/// The exit code of bad usage, as clap has it.
const MISUSED: u8 = 2;

/// Writes a line to standard error and ignores errors, on which `eprintln!` would panic.
fn complain(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}
