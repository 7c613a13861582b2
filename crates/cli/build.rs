//! Finds the commit for `tickwire --version`. Needs nothing: a packaged crate carries its commit in a file, a clone is
//! asked, and anything else is "unknown".
//!
//! Only release builds ask, so that a commit does not rebuild everything while working.

use std::process::Command;
use std::{env, fs};

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-env-changed=TICKWIRE_COMMIT");
    let given = env::var("TICKWIRE_COMMIT").ok().filter(|commit| !commit.is_empty());
    let release = env::var("PROFILE").is_ok_and(|profile| profile == "release");
    let found = || if release { packaged().or_else(cloned) } else { Some("debug build".to_owned()) };
    let commit = given.or_else(found).unwrap_or_else(|| "commit unknown".to_owned());
    println!("cargo:rustc-env=TICKWIRE_COMMIT={}", commit.lines().next().unwrap_or_default());
}

/// The commit that `cargo package` wrote down: the 40 hex digits after `"sha1": "`.
fn packaged() -> Option<String> {
    let text = fs::read_to_string(".cargo_vcs_info.json").ok()?;
    let digits = text.split_once("\"sha1\": \"")?.1;
    digits.get(..12).map(str::to_owned)
}

/// The commit of the clone that this package belongs to; not of one that it happens to lie in.
fn cloned() -> Option<String> {
    if !fs::exists("../../.git").ok()? {
        return None;
    }
    // Changes with every commit and checkout, in worktrees too.
    if let Some(log) = git(&["rev-parse", "--git-path", "logs/HEAD"]) {
        println!("cargo:rerun-if-changed={log}");
    }
    git(&["rev-parse", "--short=12", "HEAD"])
}

fn git(args: &[&str]) -> Option<String> {
    let output = Command::new("git").args(args).output().ok().filter(|output| output.status.success())?;
    Some(String::from_utf8(output.stdout).ok()?.trim().to_owned())
}
