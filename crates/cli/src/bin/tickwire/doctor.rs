//! `tickwire doctor`: reports which settings are unsafe or unwise in production on this machine.
//!
//! One line per finding, each with its remedy. Invalid values are refused earlier, when the configuration is read.

use std::fmt;
use std::process::ExitCode;

use tickwire::{Config, Pages};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

use crate::config_keys::Flags;
use crate::files;
use crate::machine::{Machine, needed};
use crate::nodes;
use crate::outlets;
use crate::paths;
use crate::settings::Settings;
use crate::trust;

/// How serious a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Someone can do harm, or players will be refused.
    Unsafe,
    /// The server works, but not as well as it could.
    Unwise,
}

/// A problem and its remedy.
#[derive(Clone, Debug)]
pub struct Finding {
    pub verdict: Verdict,
    pub what: String,
    pub mend: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = match self.verdict {
            Verdict::Unsafe => "unsafe",
            Verdict::Unwise => "unwise",
        };
        write!(f, "{verdict}: {}; {}", self.what, self.mend)
    }
}

/// Prints the findings. Fails when one is unsafe.
pub fn run(flags: &Flags) -> ExitCode {
    let settings = match Settings::load(flags) {
        Ok(settings) => settings,
        Err(error) => return crate::misused(&error),
    };
    let mut findings = examine(&settings.config, Machine::here());
    findings.extend(files::examine(&settings));
    findings.extend(nodes::examine(&settings.config));
    let (of_outlets, reached) = outlets::examine(&settings.config);
    findings.extend(of_outlets);
    findings.extend(paths::check(&settings).err().map(|what| Finding {
        verdict: Verdict::Unsafe,
        what,
        mend: "the server does not start with this configuration".to_owned(),
    }));
    findings.extend(settings.strays.iter().map(|stray| Finding {
        verdict: Verdict::Unwise,
        what: stray.to_string(),
        mend: "unset it or correct its name (tickwire config lists the keys)".to_owned(),
    }));
    let mut lines: String = findings.iter().map(|finding| format!("{finding}\n")).collect();
    if lines.is_empty() {
        lines = "nothing to mend\n".to_owned();
    }
    lines.extend(reached);
    let said = crate::say(lines.as_bytes());
    let harm = findings.iter().any(|finding| finding.verdict == Verdict::Unsafe);
    if harm { ExitCode::FAILURE } else { said }
}

fn examine(config: &Config, machine: Machine) -> Vec<Finding> {
    let mut findings = trust::examine(config);
    findings.extend(examine_operators(config));
    let mut find = |verdict, what: String, mend: String| findings.push(Finding { verdict, what, mend });
    if !config.bind.ip().is_loopback() {
        let bind = config.bind;
        // Listed origins may connect in addition to pages of the server's own name, which only `hosts` defines.
        if config.hosts.is_empty() {
            find(
                Verdict::Unsafe,
                format!(
                    "bind = {bind} is open to other machines and hosts is empty, so pages of every host name are \
                         accepted"
                ),
                "list the server's names, such as hosts = [\"play.example\"]".to_owned(),
            );
        }
        if config.tls_cert.as_os_str().is_empty() {
            find(
                Verdict::Unwise,
                format!("bind = {bind} serves plain HTTP to other machines"),
                "set tls_cert and tls_key, or bind to 127.0.0.1 and put a proxy with TLS in front \
                 (deploy/PROXIES.md)"
                    .to_owned(),
            );
        }
    }
    for origin in config.origins.iter().filter(|origin| origin.starts_with("http://")) {
        find(
            Verdict::Unwise,
            format!("origins lists {origin}, whose pages can be changed in transit"),
            "serve them over HTTPS".to_owned(),
        );
    }
    if config.origins.iter().any(|origin| origin == "null") {
        find(
            Verdict::Unsafe,
            "origins lists null, the origin of frames that every page can make: pages of all sites may connect"
                .to_owned(),
            "list the origins of your pages, or keep it to a server without secrets on your own machine".to_owned(),
        );
    }
    if let Pages::Disk(folder) = &config.pages {
        find(
            Verdict::Unsafe,
            format!("pages = dev:{} serves the files of that folder at each request", folder.display()),
            "set pages = \"embedded\", or \"none\"".to_owned(),
        );
    }
    let loudest = EnvFilter::try_new(&config.log).ok().and_then(|filter| filter.max_level_hint());
    if loudest.is_none_or(|level| level >= LevelFilter::DEBUG) {
        find(
            Verdict::Unwise,
            format!("log = {:?} lets clients cause any number of log lines", config.log),
            "set log = \"tickwire=info,warn\"".to_owned(),
        );
    }
    if let Some(short) = short_of_descriptors(config, machine) {
        find(Verdict::Unsafe, short.what, short.mend);
    }
    for (key, threads) in [("room_threads", config.room_threads), ("workers", config.workers)] {
        if threads > machine.cores {
            find(
                Verdict::Unwise,
                format!("{key} = {threads} on {} cores: ticks will wait for each other", machine.cores),
                format!("set {key} = \"cores\""),
            );
        }
    }
    findings
}

/// Finds problems with the operators' page.
fn examine_operators(config: &Config) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut find = |what: String, mend: &str| {
        findings.push(Finding { verdict: Verdict::Unsafe, what, mend: mend.to_owned() });
    };
    let token = config.admin_token.reveal().as_bytes();
    let bare = !config.bind.ip().is_loopback() && config.tls_cert.as_os_str().is_empty();
    if bare && !token.is_empty() {
        find(
            format!("admin_token is sent over plain HTTP to {}", config.bind),
            "unset it, set tls_cert and tls_key, or bind to 127.0.0.1 behind a proxy with TLS (deploy/PROXIES.md)",
        );
    }
    if !token.is_empty() && token.iter().collect::<std::collections::BTreeSet<_>>().len() < 10 {
        find(
            "admin_token has fewer than ten different characters and can be guessed".to_owned(),
            "make one with: openssl rand -hex 32",
        );
    }
    findings
}

/// A problem and its remedy.
pub struct Short {
    pub what: String,
    pub mend: String,
}

/// Whether the allowed sessions would exceed the limit of open files.
pub fn short_of_descriptors(config: &Config, machine: Machine) -> Option<Short> {
    let (needed, most) = (needed(config), config.most_sessions);
    let limit = machine.descriptors.filter(|limit| *limit < needed)?;
    Some(Short {
        what: format!("most_sessions = {most} may need {needed} file descriptors and the limit is {limit}"),
        mend: format!("raise it (ulimit -n {needed}, or LimitNOFILE={needed} in the unit) or lower most_sessions"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOMY: Machine = Machine { cores: 4, descriptors: Some(1_000_000) };

    fn config() -> Config {
        Config { workers: 4, room_threads: 4, ..Config::demo() }
    }

    fn only(config: &Config, machine: Machine) -> (Verdict, String) {
        let findings = examine(config, machine);
        assert_eq!(findings.len(), 1, "{findings:?}");
        assert_eq!(findings[0].to_string().lines().count(), 1);
        (findings[0].verdict, findings[0].to_string())
    }

    #[test]
    fn the_defaults_on_a_roomy_machine_are_fine() {
        assert!(examine(&config(), ROOMY).is_empty());
        assert!(examine(&config(), Machine { descriptors: None, ..ROOMY }).is_empty());
    }

    #[test]
    fn each_risk_is_found_alone() {
        let (verdict, text) = only(&Config { pages: Pages::Disk(".".into()), ..config() }, ROOMY);
        assert!(verdict == Verdict::Unsafe && text.contains("dev:."), "{text}");
        let (verdict, text) = only(&config(), Machine { descriptors: Some(1024), ..ROOMY });
        assert!(verdict == Verdict::Unsafe && text.contains("1024") && text.contains("42240"), "{text}");
        let (verdict, text) = only(&Config { log: "info,tickwire=debug".to_owned(), ..config() }, ROOMY);
        assert!(verdict == Verdict::Unwise && text.contains("tickwire=debug"), "{text}");
        let (verdict, text) = only(&Config { room_threads: 5, ..config() }, ROOMY);
        assert!(verdict == Verdict::Unwise && text.contains("room_threads = 5"), "{text}");
        let guessable = Config { admin_token: "x".repeat(40).into(), ..config() };
        let (verdict, text) = only(&guessable, ROOMY);
        assert!(verdict == Verdict::Unsafe && text.contains("admin_token") && !text.contains("xx"), "{text}");
        let null = Config { origins: vec!["null".to_owned()], ..config() };
        let (verdict, text) = only(&null, ROOMY);
        assert!(verdict == Verdict::Unsafe && text.contains("null"), "{text}");
        let app = Config { origins: vec!["capacitor://localhost".to_owned()], ..config() };
        assert!(examine(&app, ROOMY).is_empty());
        let listed = Config { origins: vec!["http://play.example".to_owned()], ..config() };
        let (verdict, text) = only(&listed, ROOMY);
        assert!(verdict == Verdict::Unwise && text.contains("http://play.example"), "{text}");
    }

    #[test]
    fn open_to_others_wants_names_and_a_proxy() {
        let open = Config { bind: ([0, 0, 0, 0], 8080).into(), ..config() };
        let verdicts: Vec<Verdict> = examine(&open, ROOMY).iter().map(|finding| finding.verdict).collect();
        assert_eq!(verdicts, [Verdict::Unsafe, Verdict::Unwise]);
        // Origins say which pages may connect, not by which name the server is addressed.
        let listed = Config { origins: vec!["https://play.example".to_owned()], ..open.clone() };
        let found = examine(&listed, ROOMY);
        let is_named =
            |finding: &Finding| finding.verdict == Verdict::Unsafe && finding.what.contains("hosts is empty");
        assert!(found.iter().any(is_named), "{found:?}");
        let named = Config { hosts: vec!["play.example".to_owned()], ..open };
        assert_eq!(only(&named, ROOMY).0, Verdict::Unwise);
    }
}
