//! The command line: parses, configures, calls the library.

mod bots;
mod measure;
mod serve;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Realtime game state over WebSockets: plays the demo, or simulates its players.
#[derive(Parser)]
#[command(version, args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serve: serve::ServeArgs,
}

#[derive(Subcommand)]
enum Command {
    /// Serve the demo and its games (the default)
    Serve(serve::ServeArgs),
    /// Simulate players against a running server, and judge it
    Bots(bots::BotsArgs),
    /// Weigh movement on the wire, beside other ways to send it
    Measure(measure::MeasureArgs),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    match cli.command {
        None => serve::run(cli.serve),
        Some(Command::Serve(args)) => serve::run(args),
        Some(Command::Bots(args)) => bots::run(args),
        Some(Command::Measure(args)) => measure::run(&args),
    }
}
