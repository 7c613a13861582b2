//! The folders of a configuration: for rooms and their journal, which may be elsewhere, for recordings, for the trace.

use std::io;
use std::path::Path;
use std::sync::Arc;

use super::config::{Config, OtherBuild, Pages};
use crate::actor::{MatchShelf, Matches, Metrics, Part, Recordings, RoomStore, Shelf, Trace, Watchdog};
use crate::cluster::Cluster;
use crate::store::{Durability, Folder, Found, Journal, StoreFailure};
use crate::tap::{OUTBOX, Outbox, OutboxOptions, Sink};

/// The folder for rooms.
pub(super) struct Data {
    /// Rooms that are not running.
    pub store: Arc<RoomStore>,
    /// Rooms that are.
    pub journal: Journal,
    /// What the last server's journal has.
    pub found: Found,
}

/// Checks that the folder for pages is there.
pub(super) fn pages(pages: &Pages) -> io::Result<()> {
    match pages {
        Pages::Folder(folder) if !folder.is_dir() => {
            Err(io::Error::other(format!("pages: there is no folder {}", folder.display())))
        }
        _ => Ok(()),
    }
}

/// Takes the folder for rooms, if there is one. `build` names this program.
pub(super) fn data(config: &Config, build: &str) -> io::Result<Option<Data>> {
    let folder = &config.data;
    if folder.as_os_str().is_empty() {
        return Ok(None);
    }
    let refused = |error| io::Error::other(format!("data: cannot use {}: {error}", folder.display()));
    let store = RoomStore::open(folder).map_err(refused).map(Arc::new)?;
    let disk = Folder::open(&folder.join("journal")).map_err(refused)?;
    let (journal, found) =
        Journal::start(Box::new(disk), config.durability, config.store_failure, build, store.keys().clone())
            .map_err(refused)?;
    if let Some(other) = found.build_of_tails().filter(|other| *other != build)
        && config.other_build == OtherBuild::Wait
    {
        return Err(io::Error::other(format!(
            "data: the server that crashed on {} was {other}, and this is {build}, which may lead its rooms elsewhere: start \
             that one once and stop it, or set other_build to \"replay\" to let this one try, or to \"checkpoint\" to go back \
             some ten seconds",
            folder.display()
        )));
    }
    Ok(Some(Data { store, journal, found }))
}

/// Starts the journal of a node whose rooms others take over.
pub(super) fn remote_journal(
    config: &Config,
    cluster: Option<&Arc<Cluster>>,
    build: &str,
) -> io::Result<Option<Journal>> {
    let Some(cluster) = cluster.filter(|_| config.takeover) else { return Ok(None) };
    // Redis syncs or not, and what it lost it gets again. Rooms of which it has nothing must not go on.
    let (durability, failure) = (Durability::Process, StoreFailure::End);
    let (journal, _) = Journal::start(cluster.journal()?, durability, failure, build, None)?;
    Ok(Some(journal))
}

/// Whether rooms that another build has run go back to their checkpoints. A node cannot wait for the other build.
pub(super) fn goes_back(config: &Config) -> bool {
    config.other_build == OtherBuild::Checkpoint || config.takeover && config.other_build == OtherBuild::Wait
}

/// Starts the outbox of the tap, if there are sinks.
pub(super) fn outbox(config: &Config, node: String, sinks: Vec<(String, Box<dyn Sink>)>) -> io::Result<Option<Outbox>> {
    if sinks.is_empty() {
        return Ok(None);
    }
    let folder = Some(config.data.join(OUTBOX)).filter(|_| !config.data.as_os_str().is_empty());
    let options = OutboxOptions {
        folder,
        syncs: config.durability == Durability::Disk,
        most: (config.outbox_mib as u64) << 20,
        full: config.outbox_full,
        node,
    };
    let refused = |error| io::Error::other(format!("the outbox of the tap: {error}"));
    Outbox::start(options, sinks).map(Some).map_err(refused)
}

/// Starts the writer of recordings, if there is a folder for them.
pub(super) fn recordings(
    config: &Config,
    metrics: &Arc<Metrics>,
    watchdog: &Watchdog,
) -> io::Result<Option<Arc<Recordings>>> {
    if config.recordings.as_os_str().is_empty() {
        return Ok(None);
    }
    let folder = config.recordings.clone();
    let shelf = Shelf { folder, most: config.most_recordings, bytes: (config.recordings_mib as u64) << 20 };
    let refused =
        |error| io::Error::other(format!("recordings: cannot write {}: {error}", config.recordings.display()));
    let recordings = Recordings::start(shelf, metrics.clone()).map_err(refused)?;
    watchdog.watch(Part::RecordingWriter, recordings.heartbeat());
    Ok(Some(Arc::new(recordings)))
}

/// Starts what tells of ended matches, and keeps them if there is a folder for that.
pub(super) fn matches(config: &Config, metrics: &Arc<Metrics>, watchdog: &Watchdog) -> io::Result<Arc<Matches>> {
    let folder = Some(config.matches.clone()).filter(|folder| !folder.as_os_str().is_empty());
    let shelf = folder.map(|folder| MatchShelf {
        folder,
        keep: config.match_days,
        most: config.most_matches,
        bytes: (config.matches_mib as u64) << 20,
    });
    let refused = |error| io::Error::other(format!("matches: cannot use {}: {error}", config.matches.display()));
    let matches = Matches::start(shelf, metrics.clone()).map_err(refused)?;
    watchdog.watch(Part::MatchWriter, matches.heartbeat());
    Ok(Arc::new(matches))
}

/// Creates the trace at `path`, unless that is empty.
pub(super) fn trace(path: &Path) -> io::Result<Option<Trace>> {
    let refused = |error| io::Error::other(format!("trace: cannot write {}: {error}", path.display()));
    Some(path).filter(|path| !path.as_os_str().is_empty()).map(|path| Trace::create(path).map_err(refused)).transpose()
}
