//! The findings of `tickwire doctor` about files: who else on this machine may read or change them, and when the certificate
//! expires.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use tickwire::Config;

use crate::config_keys::SECRETS;
use crate::doctor::{Finding, Verdict};
use crate::settings::{Settings, Source};

/// What everyone on the machine may do with a file, in the bits of its mode.
const READ: u32 = 0o004;
const WRITE: u32 = 0o002;

/// The findings.
pub fn examine(settings: &Settings) -> Vec<Finding> {
    let config = &settings.config;
    let mut findings: Vec<Finding> = expiry(config, now()).into_iter().collect();
    let file_of = |key: &str| match settings.source(key) {
        Source::File { path, .. } => Some(path),
        _ => None,
    };
    if let Some(path) = settings.file() {
        let secrets: Vec<&str> = SECRETS.into_iter().filter(|key| file_of(key).is_some()).collect();
        findings.extend(open_to_all(&path, "the configuration", WRITE));
        if !secrets.is_empty() {
            findings.extend(open_to_all(&path, &format!("the configuration with {}", secrets.join(" and ")), READ));
        }
    }
    for (what, path) in keys(config) {
        // A public key is for everyone to read.
        let is_public = fs::read_to_string(&path).is_ok_and(|text| text.contains("PUBLIC KEY"));
        findings.extend(open_to_all(&path, &what, if is_public { WRITE } else { READ | WRITE }));
    }
    findings
}

/// The files with keys, and the settings that name them.
fn keys(config: &Config) -> Vec<(String, PathBuf)> {
    let tls = Some(&config.tls_key).filter(|path| !path.as_os_str().is_empty());
    let tls = tls.map(|path| ("tls_key".to_owned(), path.clone()));
    let token = |key: &String| key.split_once('=').map(|(_, file)| ("token_keys".to_owned(), PathBuf::from(file)));
    tls.into_iter().chain(config.token_keys.iter().filter_map(token)).collect()
}

fn expiry(config: &Config, now: u64) -> Option<Finding> {
    const SOON: u64 = 7 * 86_400;
    // Faults of the certificate are a finding of their own.
    let expires = config.certificate_expires().ok().flatten()?;
    let path = config.tls_cert.display();
    let days = |seconds: u64| seconds / 86_400;
    let (verdict, what) = match expires.checked_sub(now) {
        None => {
            (Verdict::Unsafe, format!("tls_cert {path} expired {} days ago: browsers refuse it", days(now - expires)))
        }
        Some(left) if left < SOON => (Verdict::Unwise, format!("tls_cert {path} expires in {} days", days(left))),
        Some(_) => return None,
    };
    Some(Finding { verdict, what, mend: "renew it; a running server reads the new file by itself".to_owned() })
}

fn open_to_all(path: &Path, what: &str, bits: u32) -> Option<Finding> {
    let mode = mode(path)?;
    let may = match (mode & bits & READ != 0, mode & bits & WRITE != 0) {
        (false, false) => return None,
        (true, false) => "read",
        (false, true) => "changed",
        (true, true) => "read and changed",
    };
    Some(Finding {
        verdict: Verdict::Unsafe,
        what: format!(
            "{what} in {} can be {may} by everyone on this machine (mode {:o})",
            path.display(),
            mode & 0o777
        ),
        mend: format!("chmod 600 {}", path.display()),
    })
}

#[cfg(unix)]
fn mode(path: &Path) -> Option<u32> {
    use std::os::unix::fs::PermissionsExt;
    fs::metadata(path).ok().map(|found| found.permissions().mode())
}

#[cfg(not(unix))]
fn mode(_: &Path) -> Option<u32> {
    None
}

/// Certificates expire by the wall clock.
#[expect(clippy::disallowed_methods, reason = "what a certificate says is wall-clock time")]
fn now() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
