//! `tickwire types`: the types of the demo's games, for pages. A program with games of its own calls `Server::write_types`.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use tickwire::{Config, Server};

/// The arguments of `tickwire types`.
#[derive(Args)]
pub struct TypesArgs {
    /// The folder to write NAME.d.ts and NAME.js of each game into; without it, the declarations are printed
    folder: Option<PathBuf>,
}

/// Writes or prints the types of the games of the demo.
pub fn run(args: &TypesArgs) -> ExitCode {
    let server = Server::new(Config::default()).games(tickwire_games::builtin());
    let Some(folder) = &args.folder else {
        return match server.types() {
            Ok(types) => super::say(types.iter().map(|each| each.declarations.as_str()).collect::<String>().as_bytes()),
            Err(error) => super::fail(&error.to_string()),
        };
    };
    match server.write_types(folder) {
        Ok(changed) => {
            super::say(changed.iter().map(|path| format!("{}\n", path.display())).collect::<String>().as_bytes())
        }
        Err(error) => super::fail(&format!("{}: {error}", folder.display())),
    }
}
