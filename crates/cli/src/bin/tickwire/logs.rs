//! Logs on standard error: text or JSON, one line per event, whatever the event contains.
//!
//! Values that clients choose are logged as fields, which are quoted; in addition, the writer here escapes control
//! characters, so that no message can start a second line. `lines` writes to standard error on a separate thread, so that
//! logging never blocks.

use std::io::{self, IsTerminal, Write};
use std::panic;
use std::process::ExitCode;
#[cfg(unix)]
use std::sync::{Arc, atomic::AtomicBool};

use tickwire::server::LogHealth;
use tickwire::{Config, LogFormat};
use tracing::{Subscriber, error};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use crate::lines::Lines;

/// The log while the command runs. Dropping it writes pending lines, for at most one second.
pub struct Log {
    lines: Lines,
    pub health: LogHealth,
}

impl Log {
    /// Logs why the command fails, in one line after everything logged so far.
    pub fn fail(&self, why: &str) -> ExitCode {
        self.lines.push(format!("tickwire: {why}\n").as_bytes());
        ExitCode::FAILURE
    }

    /// As [`Self::fail`], when a value of the configuration is wrong.
    pub fn misused(&self, why: &str) -> ExitCode {
        self.fail(why);
        ExitCode::from(crate::MISUSED)
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        self.lines.finish();
    }
}

/// Starts logging as configured. Panics are logged as well, so that JSON output stays JSON.
///
/// # Errors
/// When the operating system refuses the signal handler or the thread.
pub fn start(config: &Config) -> io::Result<Log> {
    outlive_full_files()?;
    let (colours, health) = (io::stderr().is_terminal(), LogHealth::new());
    let lines = Lines::start(io::stderr(), health.clone())?;
    let inner = lines.clone();
    let subscriber = subscriber(config, colours, move || OneLine { colours, inner: inner.clone() });
    // Fails only if a subscriber was set before.
    let _ = tracing::subscriber::set_global_default(subscriber);
    panic::set_hook(Box::new(|panic| {
        let what = panic.payload_as_str().unwrap_or("something that is no text");
        let place = panic.location().map(ToString::to_string);
        error!(what, place, "panic");
    }));
    Ok(Log { lines, health })
}

/// Makes writes fail, as on a full disk, when a file has reached its size limit (`ulimit -f`). By default, the signal would
/// end the process.
fn outlive_full_files() -> io::Result<()> {
    #[cfg(unix)]
    signal_hook::flag::register(signal_hook::consts::SIGXFSZ, Arc::new(AtomicBool::new(false)))?;
    Ok(())
}

fn subscriber<W>(config: &Config, colours: bool, writer: W) -> Box<dyn Subscriber + Send + Sync>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let filter = EnvFilter::new(&config.log);
    // Disabled, because the subscriber would write its errors directly to standard error, block there, and panic on
    // failure.
    let log = tracing_subscriber::fmt().log_internal_errors(false);
    let log = log.with_env_filter(filter).with_writer(writer).with_ansi(colours);
    match config.log_format {
        LogFormat::Text => Box::new(log.finish()),
        LogFormat::Json => Box::new(log.json().flatten_event(true).with_span_list(false).finish()),
    }
}

/// Writes each buffer, which is one event, as one line: control characters become escapes.
struct OneLine<W> {
    /// Whether colour sequences may pass; other terminal sequences never do.
    colours: bool,
    inner: W,
}

impl<W: Write> Write for OneLine<W> {
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(event);
        let body = text.strip_suffix('\n').unwrap_or(&text);
        let mut line = String::with_capacity(text.len());
        for (place, c) in body.char_indices() {
            if !c.is_control() || self.colours && is_colour(&body[place..]) {
                line.push(c);
            } else {
                // This escape is valid in text and within a JSON string.
                line.push_str(&format!("\\u{:04x}", u32::from(c)));
            }
        }
        line.push_str(&text[body.len()..]);
        self.inner.write_all(line.as_bytes())?;
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// Whether `text` begins with a terminal sequence for a colour or weight.
fn is_colour(text: &str) -> bool {
    let sequence =
        text.strip_prefix("\x1b[").map(|rest| rest.trim_start_matches(|c: char| c.is_ascii_digit() || c == ';'));
    sequence.is_some_and(|rest| rest.starts_with('m'))
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex, PoisonError};

    use tracing::{info, info_span};

    use super::*;

    #[derive(Clone, Default)]
    struct Page(Arc<Mutex<Vec<u8>>>);

    impl Write for Page {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).extend(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    const HOSTILE: &str = "evil\nINFO all is well\r\x1b[2J\"} {\u{85}\0";

    fn logged(log_format: LogFormat, colours: bool) -> String {
        let page = Page::default();
        let config = Config { log_format, log: "info".to_owned(), ..Config::demo() };
        let inner = page.clone();
        let subscriber = subscriber(&config, colours, move || OneLine { colours, inner: inner.clone() });
        tracing::subscriber::with_default(subscriber, || {
            let _room = info_span!("room", id = HOSTILE, game = HOSTILE).entered();
            info!(text = HOSTILE, debug = ?HOSTILE, display = %HOSTILE, "a message with {HOSTILE}");
            info!("a quiet one");
        });
        let bytes = page.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        String::from_utf8(bytes).expect("UTF-8")
    }

    #[test]
    fn nothing_a_client_says_breaks_a_line() {
        for (format, colours) in [(LogFormat::Text, false), (LogFormat::Text, true), (LogFormat::Json, false)] {
            let text = logged(format, colours);
            assert_eq!(text.lines().count(), 2, "{text:?}");
            assert!(
                !text.contains('\u{85}') && !text.contains('\r') && !text.contains('\0') && !text.contains("\x1b[2J"),
                "{text:?}"
            );
        }
        assert!(!logged(LogFormat::Text, false).contains('\x1b'));
    }

    #[test]
    fn json_names_the_span() {
        for line in logged(LogFormat::Json, false).lines() {
            let event: serde_json::Value = serde_json::from_str(line).expect("JSON");
            assert_eq!(event["span"]["name"], "room");
            assert_eq!(event["span"]["id"], HOSTILE);
        }
    }
}
