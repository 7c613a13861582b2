//! Writes recordings of rooms into a folder that is bounded in number and bytes.
//!
//! Rooms pass recordings to one writer thread and never wait for it. When the folder is full, the oldest recording of the
//! most frequent reason is deleted: clients who report desyncs again and again cannot push out what led to a crash.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use tokio::sync::oneshot;
use tracing::{error, info};

use super::metrics::Metrics;
use super::names;
use super::watchdog::Heartbeat;
use crate::engine::recording::Recording;
use crate::trust::{PersonKeys, create_private_folder, private_file, wall_clock};

/// How many recordings may wait for the writer; further ones are lost and counted.
const WAITING: usize = 4;
/// The ending of a recording's file.
const ENDING: &str = "tickrec";

/// Why a room is recorded. The name is part of the file's name and a label of the metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// The game panicked.
    Panic,
    /// A client has another state than the server.
    Desync,
    /// An operator asked for it.
    Operator,
    /// The game asked for it.
    Game,
    /// The room could not be recovered after a crash.
    Lost,
}

impl Why {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Panic => "panic",
            Self::Desync => "desync",
            Self::Operator => "operator",
            Self::Game => "game",
            Self::Lost => "lost",
        }
    }
}

/// The folder and its bounds.
#[derive(Clone, Debug)]
pub struct Shelf {
    /// The folder.
    pub folder: PathBuf,
    /// The most recordings.
    pub most: usize,
    /// The most bytes of all recordings.
    pub bytes: u64,
}

/// The sending side of the writer.
#[derive(Debug)]
pub struct Recordings {
    jobs: SyncSender<Job>,
    heartbeat: Arc<Heartbeat>,
}

struct Job {
    recording: Recording,
    why: Why,
    /// Gets the name of the file.
    written: Option<oneshot::Sender<io::Result<String>>>,
}

impl Recordings {
    /// Starts the writer.
    ///
    /// # Errors
    /// The folder cannot be created or written.
    pub fn start(shelf: Shelf, metrics: Arc<Metrics>) -> io::Result<Self> {
        create_private_folder(&shelf.folder)?;
        let probe = shelf.folder.join("probe");
        drop(private_file(&probe)?);
        fs::remove_file(&probe)?;
        let (jobs, waiting) = sync_channel(WAITING);
        let heartbeat = Arc::new(Heartbeat::of_writer());
        let watched = heartbeat.clone();
        let write = move || work(&shelf, &waiting, &metrics, &watched);
        thread::Builder::new().name("tickwire-recordings".to_owned()).spawn(write)?;
        Ok(Self { jobs, heartbeat })
    }

    /// Passes on a recording. Returns whether the writer had space for it. `written` gets the name of the file.
    pub fn write(&self, recording: Recording, why: Why, written: Option<oneshot::Sender<io::Result<String>>>) -> bool {
        self.jobs.try_send(Job { recording, why, written }).is_ok()
    }

    /// The heartbeat for the watchdog.
    pub fn heartbeat(&self) -> &Arc<Heartbeat> {
        &self.heartbeat
    }
}

fn work(shelf: &Shelf, waiting: &Receiver<Job>, metrics: &Metrics, heartbeat: &Heartbeat) {
    let keys = PersonKeys::in_folder(shelf.folder.join("keys"));
    for Job { recording, why, written } in waiting {
        let room = names::for_logs(&recording.header.room).into_owned();
        let reason = recording.header.reason.clone();
        let done = heartbeat.during(|| shelf.put(recording, why, &keys));
        match &done {
            Ok(file) => {
                metrics.recorded(why.name());
                info!(file, room, reason, "a room was recorded");
            }
            Err(error) => {
                metrics.counts.recordings_lost.inc();
                error!(%error, room, reason, "a recording could not be written");
            }
        }
        written.map(|written| written.send(done));
    }
}

impl Shelf {
    /// Writes a recording. Returns the name of its file.
    fn put(&self, mut recording: Recording, why: Why, keys: &PersonKeys) -> io::Result<String> {
        let newest = listed(&self.folder)?.last().map_or(0, |file| file.time);
        // Names are in order, also of recordings of the same second and when the clock was set back.
        let time = wall_clock().max(newest + 1);
        let room = names::for_files(&recording.header.room);
        let name = format!("{time}-{}-{room}.{ENDING}", why.name());
        let path = self.folder.join(&name);
        // The id of a private room admits whoever knows it.
        recording.header.room = names::for_logs(&recording.header.room).into_owned();
        recording.seal(|inputs, text| keys.seal(&name, inputs.identities().iter().map(String::as_str), text))?;
        let bytes = recording.encode();
        self.make_space(bytes.len() as u64, keys)?;
        let aside = path.with_extension("new");
        let written = private_file(&aside).and_then(|mut file| {
            file.write_all(&bytes)?;
            file.sync_all()
        });
        if let Err(error) = written.and_then(|()| fs::rename(&aside, &path)) {
            let _ = fs::remove_file(&aside);
            return Err(error);
        }
        File::open(&self.folder)?.sync_all()?;
        Ok(name)
    }

    /// Deletes recordings until there is space for one of `bytes` bytes.
    fn make_space(&self, bytes: u64, keys: &PersonKeys) -> io::Result<()> {
        if bytes > self.bytes {
            return Err(io::Error::other(format!("it has {bytes} bytes, and recordings_mib allows {}", self.bytes)));
        }
        let mut files = listed(&self.folder)?;
        while files.len() >= self.most || files.iter().map(|file| file.bytes).sum::<u64>() + bytes > self.bytes {
            let mut counts = BTreeMap::<_, usize>::new();
            files.iter().for_each(|file| *counts.entry(file.why.clone()).or_default() += 1);
            let Some((most, _)) = counts.into_iter().max_by_key(|(_, count)| *count) else { break };
            let oldest = files.iter().position(|file| file.why == most).expect("it was counted");
            let Shelved { name, .. } = files.remove(oldest);
            fs::remove_file(self.folder.join(&name))?;
            keys.forget_file(&name)?;
        }
        Ok(())
    }
}

/// A recording in the folder.
#[derive(Debug)]
pub struct Shelved {
    /// Seconds since 1970, or a little more.
    pub time: u64,
    /// The name of the file.
    pub name: String,
    /// The name of its [`Why`].
    pub why: String,
    /// Its bytes.
    pub bytes: u64,
}

/// The recordings of a folder, oldest first.
pub fn listed(folder: &Path) -> io::Result<Vec<Shelved>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        let mut parts = name.splitn(3, '-');
        if let (Some(Ok(time)), Some(why)) = (parts.next().map(str::parse::<u64>), parts.next())
            && Path::new(&name).extension().is_some_and(|ending| ending == ENDING)
        {
            let (why, bytes) = (why.to_owned(), entry.metadata()?.len());
            found.push(Shelved { time, name, why, bytes });
        }
    }
    found.sort_by(|one, other| one.time.cmp(&other.time).then_with(|| one.name.cmp(&other.name)));
    Ok(found)
}
