//! `tickwire new`: makes the folder of a new game, from the files in `templates/`.
//!
//! The files of a template lie over those in `common/`. In names and texts, `__NAME__` and the like stand for the game's name; the
//! ending `.template` is dropped: without it, cargo and git would take these files for their own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use clap::{Args, ValueEnum};
use rust_embed::RustEmbed;
use tickwire::typed::PageTypes;

use crate::{fail, misused, say};

/// What to make.
#[derive(Args)]
pub struct NewArgs {
    /// The folder to make, whose name is that of the game: lower-case letters, digits and dashes, such as snow-fight
    #[arg(value_name = "NAME", value_parser = place)]
    place: Place,
    /// What the game is to begin with
    #[arg(long, value_enum, default_value = "plain")]
    template: Template,
    /// Use this copy of Tickwire's repository instead of published packages; packs its browser client with npm
    #[arg(long, value_name = "FOLDER")]
    local: Option<PathBuf>,
}

/// A folder, and the name of the game in it.
#[derive(Clone, Debug, PartialEq)]
struct Place {
    folder: PathBuf,
    name: String,
}

fn place(text: &str) -> Result<Place, String> {
    let folder = PathBuf::from(text);
    let last = folder.file_name().and_then(|last| last.to_str()).unwrap_or_default();
    Ok(Place { name: name(last)?, folder })
}

/// A template.
#[derive(Clone, Copy, ValueEnum)]
enum Template {
    /// A game in which everybody sees everything
    Plain,
    /// An actix-web app of your own, with a login that signs join tokens
    Mounted,
    /// Teams that know what the others do not see
    Teams,
}

#[derive(RustEmbed)]
#[folder = "templates"]
struct Files;

/// Where the dependencies come from.
struct Sources {
    /// The value of the dependency in `Cargo.toml`.
    library: String,
    /// That of the dependency in `package.json`.
    client: String,
}

fn name(text: &str) -> Result<String, String> {
    const MOST: usize = 32;
    /// Names that mean something else to cargo or in Rust.
    const TAKEN: [&str; 16] = [
        "actix-web",
        "alloc",
        "async",
        "core",
        "crate",
        "enum",
        "game",
        "impl",
        "self",
        "std",
        "struct",
        "super",
        "test",
        "tickwire",
        "type",
        "use",
    ];
    let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if !text.starts_with(|c: char| c.is_ascii_lowercase())
        || !text.chars().all(good)
        || text.len() > MOST
        || text.ends_with('-')
    {
        return Err(format!("must be 1 to {MOST} lower-case letters, digits and dashes, such as snow-fight"));
    }
    if TAKEN.contains(&text) {
        Err("means something else in Rust: take another name".to_owned())
    } else {
        Ok(text.to_owned())
    }
}

/// Makes the folder, and says what to do in it.
pub fn run(args: &NewArgs) -> ExitCode {
    let folder = args.place.folder.as_path();
    if folder.exists() {
        return misused(&format!("{} is there already: take another name, or remove it", folder.display()));
    }
    let local = match args.local.as_deref().map(checkout).transpose() {
        Ok(local) => local,
        Err(error) => return misused(&error),
    };
    match make(args, folder, local.as_deref()) {
        Ok(()) => say(next_steps(args).as_bytes()),
        Err(error) => {
            // Half a game is of no use, and would be in the way of the next attempt.
            let _ = fs::remove_dir_all(folder);
            fail(&error)
        }
    }
}

/// The absolute path of a copy of the repository.
fn checkout(folder: &Path) -> Result<PathBuf, String> {
    let named = |what: &str| format!("--local {}: {what}", folder.display());
    let whole = folder.canonicalize().map_err(|error| named(&error.to_string()))?;
    let client = whole.join("web-demo/client/package.json");
    if client.is_file() {
        Ok(whole)
    } else {
        Err(named("is no copy of Tickwire's repository: it has no web-demo/client"))
    }
}

fn make(args: &NewArgs, folder: &Path, local: Option<&Path>) -> Result<(), String> {
    let named = |path: &Path, error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    let web = folder.join("web");
    fs::create_dir_all(&web).map_err(|error| named(&web, &error))?;
    let sources = match local {
        None => Sources {
            library: format!("{:?}", env!("CARGO_PKG_VERSION")),
            client: format!("^{}", env!("CARGO_PKG_VERSION")),
        },
        Some(local) => {
            Sources { library: format!("{{ path = {:?} }}", local.display().to_string()), client: pack(local, &web)? }
        }
    };
    for (path, text) in files(args.template) {
        let path = folder.join(filled(path.trim_end_matches(".template"), &args.place.name, &sources));
        let parent = path.parent().unwrap_or(folder);
        fs::create_dir_all(parent).map_err(|error| named(parent, &error))?;
        fs::write(&path, filled(&text, &args.place.name, &sources)).map_err(|error| named(&path, &error))?;
    }
    Ok(())
}

/// The files of a template by path, those in `common/` included.
fn files(template: Template) -> impl Iterator<Item = (String, String)> {
    let own = match template {
        Template::Plain => "plain/",
        Template::Mounted => "mounted/",
        Template::Teams => "teams/",
    };
    let of = |prefix: &'static str| {
        Files::iter().filter_map(move |file| {
            let text = String::from_utf8_lossy(&Files::get(&file)?.data).into_owned();
            Some((file.strip_prefix(prefix)?.to_owned(), text))
        })
    };
    // Those of the template are written last.
    of("common/").chain(of(own))
}

/// The text with what stands in the places of the game's name.
fn filled(text: &str, name: &str, sources: &Sources) -> String {
    let text = text.replace("__NAME__", name).replace("__CRATE__", &name.replace('-', "_"));
    let text = text.replace("__VALUE__", &PageTypes::identifier(name, false));
    let text = text.replace("__TYPE__", &PageTypes::identifier(name, true));
    text.replace("__TICKWIRE__", &sources.library).replace("__CLIENT__", &sources.client)
}

/// Packs the browser client of a copy of the repository into a folder. Returns the dependency.
fn pack(local: &Path, folder: &Path) -> Result<String, String> {
    let target = folder.canonicalize().map_err(|error| format!("{}: {error}", folder.display()))?;
    let client = local.join("web-demo/client");
    let packed =
        Command::new("npm").args(["pack", "--silent", "--pack-destination"]).arg(target).current_dir(&client).output();
    let packed = packed.map_err(|error| format!("cannot start npm, which packs the browser client: {error}"))?;
    let said = String::from_utf8_lossy(&packed.stdout);
    match said.lines().rev().find(|line| line.ends_with(".tgz")) {
        Some(file) if packed.status.success() => Ok(format!("file:{file}")),
        _ => {
            let why = String::from_utf8_lossy(&packed.stderr);
            let why =
                why.lines().chain(said.lines()).find(|line| !line.trim().is_empty()).unwrap_or("npm says nothing");
            Err(format!("npm cannot pack {} ({why}): run `npm ci` in web-demo first", client.display()))
        }
    }
}

fn next_steps(args: &NewArgs) -> String {
    let name = args.place.folder.display();
    let run = match args.template {
        Template::Mounted => "SECRET=$(openssl rand -hex 32) cargo run",
        Template::Plain | Template::Teams => "cargo run",
    };
    format!(
        "The game is in {name}/; README.md says what there is.\n  cd {name}\n  {run}\n  (cd web && npm install && npm run dev)\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_that_cargo_and_javascript_take() {
        for good in ["a", "tag", "snow-fight", "game2"] {
            assert_eq!(name(good), Ok(good.to_owned()));
        }
        for bad in ["", "Tag", "2d", "a/..", "..", "a_b", "tag-", "std", "tickwire", "é", &"a".repeat(33)] {
            assert!(place(bad).is_err(), "{bad}");
        }
        let below = Place { folder: "games/snow-fight".into(), name: "snow-fight".to_owned() };
        assert_eq!(place("games/snow-fight"), Ok(below));
    }

    #[test]
    fn a_template_has_all_files_and_no_blank_is_left() {
        let sources = Sources { library: "\"0.1\"".to_owned(), client: "^0.1.0".to_owned() };
        for template in [Template::Plain, Template::Mounted, Template::Teams] {
            let paths: Vec<String> = files(template).map(|(path, _)| path).collect();
            for wanted in ["Cargo.toml.template", "src/lib.rs", "src/main.rs", "tests/play.rs", "web/src/main.ts"] {
                assert!(paths.iter().any(|path| path == wanted), "{wanted}: {paths:?}");
            }
            assert!(paths.iter().any(|path| path.starts_with("web/src/game/")), "the types of the page: {paths:?}");
            for (path, text) in files(template) {
                let text = filled(&format!("{path}\n{text}"), "snow-fight", &sources);
                assert!(!text.contains("__"), "{path}");
            }
        }
    }
}
