//! The command line: parses arguments, configures and calls the library.

mod bots;
mod config_keys;
mod doctor;
mod files;
mod lines;
mod logs;
mod machine;
mod measure;
mod nodes;
mod outlets;
mod replay;
mod serve;
mod settings;
mod timeline;
mod token;
mod trust;
mod types;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::{Args, CommandFactory, Parser, Subcommand};
use clap_complete::{Shell, generate};

/// Realtime game state over WebSockets: serves the demo, or simulates players.
#[derive(Parser)]
#[command(name = "tickwire", version = VERSION, args_conflicts_with_subcommands = true)]
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
    /// Simulate players against a running server, and pass or fail the run
    Bots(Box<bots::BotsArgs>),
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

fn main() -> ExitCode {
    let cli = Cli::parse();
    match cli.command {
        None => serve::run(&cli.flags),
        Some(Command::Serve(flags)) => serve::run(&flags),
        Some(Command::Bots(args)) => bots::run(&args),
        Some(Command::Measure(args)) => measure::run(&args),
        Some(Command::Config(args)) => print_config(&args),
        Some(Command::Doctor(flags)) => doctor::run(&flags),
        Some(Command::Nodes(args)) => nodes::run(&args),
        Some(Command::Token(args)) => token::run(&args),
        Some(Command::Replay(args)) => replay::run(&args),
        Some(Command::Forget(args)) => replay::forget(&args),
        Some(Command::Types(args)) => types::run(&args),
        Some(Command::Completions { shell }) => {
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
        Ok(settings) => say(settings.describe().as_bytes()),
        Err(error) => fail(&error),
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

/// Writes a line to standard error and ignores errors, on which `eprintln!` would panic.
fn complain(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}
