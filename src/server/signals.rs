//! When to stop: what the terminal and the operating system say.

/// Completes on ctrl-c (SIGINT) or SIGTERM; the shutdown to give to [`Server::run`](super::Server::run) in a program
/// without one of its own.
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
