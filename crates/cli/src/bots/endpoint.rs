//! Whether an address leads to a Tickwire server, and what it leads to otherwise, in one line.

use std::path::PathBuf;
use std::time::Duration;

use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::http::{Response, Uri};

use super::socket::{close_gracefully, connect};
use super::trust::Trust;

/// Longest time for an answer.
const WITHIN: Duration = Duration::from_secs(10);
/// The path of the endpoint, below that of a mounted server.
const PATH: &str = "/play";

/// Connects to `url` and leaves. `ca`: for `wss`, a file with certificates in PEM to trust instead of the system's.
///
/// # Errors
/// One line that says what is there, and which address was probably meant.
pub fn check_endpoint(url: &str, ca: Option<PathBuf>) -> Result<(), String> {
    let uri = read(url)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| format!("no runtime: {error}"))?;
    runtime.block_on(async {
        let trust = Trust::new(ca);
        let Err(error) = attempt(url, &trust).await else { return Ok(()) };
        let found = found(&error);
        // Only where something speaks HTTP can the endpoint be at another path.
        let elsewhere = sibling(&uri).filter(|_| matches!(error, Some(Error::Http(_))));
        let meant = match elsewhere {
            Some(other) if attempt(&other, &trust).await.is_ok() => format!("; a Tickwire server is at {other}"),
            Some(_) => format!("; the address of a Tickwire server ends with {PATH}"),
            None => String::new(),
        };
        Err(format!("{url}: {found}{meant}"))
    })
}

/// Checks the shape of the address.
fn read(url: &str) -> Result<Uri, String> {
    const SUCH: &str = "such as ws://127.0.0.1:8080/play";
    let uri: Uri = url.parse().map_err(|error| format!("{url:?} is no address ({error}): it must be a URL {SUCH}"))?;
    let rest = || url.split_once("://").map_or(url, |(_, rest)| rest).trim_end_matches('/');
    let path = if uri.path().len() > 1 { "" } else { PATH };
    match (uri.scheme_str(), uri.host()) {
        (Some("ws" | "wss"), Some(_)) => Ok(uri),
        (Some("http"), Some(_)) => Err(format!("{url} is the address of a page: bots need ws://{}{path}", rest())),
        (Some("https"), Some(_)) => Err(format!("{url} is the address of a page: bots need wss://{}{path}", rest())),
        (None, Some(_)) => Err(format!("{url} has no scheme: did you mean ws://{}{path}?", rest())),
        _ => Err(format!("{url} is no address of a server: it must be a URL {SUCH}")),
    }
}

/// The endpoint where the server of `uri` has it if nothing else is configured; `None` if that is `uri`.
fn sibling(uri: &Uri) -> Option<String> {
    let (scheme, authority) = (uri.scheme_str()?, uri.authority()?);
    (uri.path() != PATH).then(|| format!("{scheme}://{authority}{PATH}"))
}

/// Connects and leaves. The error is `None` when nothing came in time.
async fn attempt(url: &str, trust: &Trust) -> Result<(), Option<Error>> {
    let mut socket = timeout(WITHIN, connect(url, trust)).await.map_err(|_| None)?.map_err(Some)?;
    close_gracefully(&mut socket).await;
    Ok(())
}

fn found(error: &Option<Error>) -> String {
    match error {
        None => format!("something accepts connections there and says nothing for {} s", WITHIN.as_secs()),
        Some(Error::Http(response)) => format!("that is no endpoint of rooms: {}", answer(response)),
        Some(Error::Io(error)) => format!("cannot connect: {error}"),
        Some(Error::Protocol(ProtocolError::HandshakeIncomplete)) => {
            "whatever listens there hangs up at the handshake".to_owned()
        }
        Some(Error::Protocol(ProtocolError::SecWebSocketSubProtocolError(_))) => {
            "a WebSocket server is there, but none of Tickwire's protocol".to_owned()
        }
        Some(Error::Protocol(error)) => format!("whatever listens there speaks no HTTP: {error}"),
        Some(error) => error.to_string(),
    }
}

/// The status, and the first line of a text that comes with it.
fn answer(response: &Response<Option<Vec<u8>>>) -> String {
    const MOST: usize = 120;
    let kind = response.headers().get("content-type").and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let body = response.body().as_deref().filter(|_| kind.starts_with("text/plain")).unwrap_or_default();
    let text = String::from_utf8_lossy(body);
    let status = response.status();
    let shown: String =
        text.lines().next().unwrap_or_default().chars().filter(|c| !c.is_control()).take(MOST).collect();
    if shown.is_empty() { format!("it answers {status}") } else { format!("it answers {status}: {shown}") }
}
