//! When to stop: what the terminal and the operating system say.

use std::io;
use std::sync::mpsc;

use tokio::sync::watch;

/// Completes on ctrl-c (SIGINT) or SIGTERM; the shutdown to give to [`Server::run`](super::Server::run) in a program
/// without one of its own. What comes after the first signal is up to the program; see [`ShutdownSignal`].
pub async fn interrupted() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = tokio::signal::ctrl_c() => {}
            }
            return;
        }
    }
    // Without a way to hear of ctrl-c, serve until killed.
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// Ctrl-c (SIGINT) and SIGTERM of a process that ends with its server, whatever hangs:
///
/// * the first one is [received](Self::received), and lets everyone go;
/// * a second one ends the process at once, with 130, in the signal handler itself;
/// * a shutdown that takes longer than ten seconds ends with 1, by a thread of its own.
///
/// None of this needs a thread of the server's to run. On Windows, ctrl-c is heard by the thread that receives, and the
/// shutdown has no bound.
#[derive(Debug)]
pub struct ShutdownSignal {
    first: Option<watch::Receiver<bool>>,
    /// Dropped when the shutdown is over, before which the thread waits for its bound.
    _over: Option<mpsc::Sender<()>>,
}

impl ShutdownSignal {
    /// As shells report a process that was interrupted.
    const INTERRUPTED: i32 = 130;

    /// Takes the place of the signals' default, which is to end the process. Install it once, before the server starts, and
    /// keep it until all is over: dropping it lifts the bound on the shutdown.
    ///
    /// # Errors
    /// When the operating system refuses the handlers or the thread.
    #[cfg(unix)]
    pub fn install() -> io::Result<Self> {
        use std::sync::Arc;
        use std::sync::atomic::AtomicBool;

        use signal_hook::consts::{SIGINT, SIGTERM};
        use signal_hook::flag;
        use signal_hook::iterator::Signals;

        let again = Arc::new(AtomicBool::new(false));
        for signal in [SIGTERM, SIGINT] {
            // In this order: the first signal is not yet the second one.
            flag::register_conditional_shutdown(signal, Self::INTERRUPTED, again.clone())?;
            flag::register(signal, again.clone())?;
        }
        let mut signals = Signals::new([SIGTERM, SIGINT])?;
        let (tell, first) = watch::channel(false);
        let (over, is_over) = mpsc::channel();
        let wait = move || {
            if signals.forever().next().is_some() {
                // Nobody listens when the server has ended by itself.
                let _ = tell.send(true);
                end_by_force(&is_over);
            }
        };
        std::thread::Builder::new().name("tickwire-signals".to_owned()).spawn(wait)?;
        Ok(Self { first: Some(first), _over: Some(over) })
    }

    /// Listens for ctrl-c.
    ///
    /// # Errors
    /// None.
    #[cfg(not(unix))]
    pub fn install() -> io::Result<Self> {
        Ok(Self { first: None, _over: None })
    }

    /// Completes at the first signal, also when that came before this was called.
    pub async fn received(&self) {
        match self.first.clone() {
            // The thread lives until it has told.
            Some(mut first) => _ = first.wait_for(|told| *told).await,
            None => {
                interrupted().await;
                actix_web::rt::spawn(async {
                    interrupted().await;
                    std::process::exit(Self::INTERRUPTED);
                });
            }
        }
    }
}

/// Ends the process when the shutdown is not over within its bound.
#[cfg(unix)]
fn end_by_force(over: &mpsc::Receiver<()>) {
    use std::time::Duration;

    use crate::wire::limits;

    /// For the log's writer, which may be as stuck as the rest.
    const LAST_LINE: Duration = Duration::from_millis(100);
    if over.recv_timeout(limits::SHUTDOWN_WITHIN) == Err(mpsc::RecvTimeoutError::Timeout) {
        let within = limits::SHUTDOWN_WITHIN.as_secs();
        // On a thread of its own: an embedder's subscriber may block.
        let say = move || tracing::error!("the shutdown takes longer than {within} s, so nothing more is waited for");
        let _ = std::thread::Builder::new().spawn(say);
        std::thread::sleep(LAST_LINE);
        signal_hook::low_level::exit(1);
    }
}
