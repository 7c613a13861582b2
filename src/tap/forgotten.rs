//! Persons who were forgotten: whoever erases one leaves a note in the outbox's folder, because no server need run. The server
//! of the folder, or the next one, tells every sink and deletes the note.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tracing::error;

use crate::engine::{TapBody, TapEntry, TapKey};
use crate::trust::{create_private_folder, private_file, wall_clock_millis};
use crate::wire::limits;

/// The folder of an outbox, in that for rooms.
pub(crate) const OUTBOX: &str = "outbox";
/// The folder of notes, in that of the outbox.
const NOTES: &str = "forgotten";
/// The last part of the keys of such entries. A server has those before for its own.
const INDEX: u32 = 2;

/// A person whom all sinks must be told of.
pub(super) struct Note {
    path: PathBuf,
    pub entry: Arc<TapEntry>,
}

#[derive(Serialize, Deserialize)]
struct Text {
    /// When the person was forgotten, in milliseconds since 1970.
    time: u64,
    /// Makes the note different from others of that moment.
    number: u32,
    identity: String,
}

/// Lets every sink be told that a person was forgotten: [`TapBody::PersonForgotten`]. `data` is the folder for rooms,
/// [`Config::data`](crate::Config::data). A server that runs on it tells them within some seconds, else the next one does
/// when it starts. Returns whether there is an outbox in the folder: without one, no server with sinks was ever there.
///
/// # Errors
/// The folder cannot be written, or nobody can have such an identity.
pub fn note_forgotten(data: &Path, identity: &str) -> io::Result<bool> {
    if !(1..=limits::SUBJECT).contains(&identity.len()) {
        return Err(io::Error::other(format!("an identity has 1 to {} bytes", limits::SUBJECT)));
    }
    let outbox = data.join(OUTBOX);
    if !outbox.is_dir() {
        return Ok(false);
    }
    let folder = outbox.join(NOTES);
    create_private_folder(&folder)?;
    let text = Text { time: wall_clock_millis(), number: rand::random(), identity: identity.to_owned() };
    let path = folder.join(format!("{:013}-{:08x}.json", text.time, text.number));
    // Written aside and renamed, so that a server finds no half of it.
    let aside = path.with_extension("new");
    let mut file = private_file(&aside)?;
    file.write_all(&serde_json::to_vec(&text)?)?;
    file.sync_all()?;
    fs::rename(&aside, &path)?;
    fs::File::open(&folder)?.sync_all()?;
    Ok(true)
}

/// The notes in the folder of an outbox, oldest first. One that cannot be read is logged and put aside.
pub(super) fn notes(outbox: &Path) -> Vec<Note> {
    let Ok(files) = fs::read_dir(outbox.join(NOTES)) else { return Vec::new() };
    let paths = files.filter_map(|file| Some(file.ok()?.path()));
    let mut paths: Vec<PathBuf> =
        paths.filter(|path| path.extension().is_some_and(|ending| ending == "json")).collect();
    paths.sort_unstable();
    paths.into_iter().filter_map(read).collect()
}

fn read(path: PathBuf) -> Option<Note> {
    let text = fs::read(&path).and_then(|bytes| Ok(serde_json::from_slice(&bytes)?));
    let Text { time, number, identity } = match text {
        Ok(text) => text,
        Err(why) => {
            error!(file = %path.display(), %why, "a note that a person was forgotten cannot be read");
            let _ = fs::rename(&path, path.with_extension("bad"));
            return None;
        }
    };
    let key = TapKey { room: String::new(), incarnation: time, tick: number, index: INDEX };
    let body = TapBody::PersonForgotten { identity };
    Some(Note { path, entry: Arc::new(TapEntry { key, game: String::new(), private: false, body }) })
}

impl Note {
    /// The outbox has it. Should the note stay, it is told again, with the same key.
    pub fn remove(&self) {
        if let Err(why) = fs::remove_file(&self.path) {
            error!(file = %self.path.display(), %why, "a note that a person was forgotten cannot be deleted");
        }
    }
}
