//! Entries that a target will not take, in a file beside the outbox.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;
use tracing::error;

use super::Delivery;

/// Most bytes of the file of one sink. Further letters are only counted and logged.
const MOST: u64 = 64 << 20;

/// The dead letters of one sink.
pub(super) struct DeadLetters {
    path: Option<PathBuf>,
}

#[derive(Serialize)]
struct Letter<'a> {
    why: &'a str,
    #[serde(flatten)]
    delivery: &'a Delivery,
}

impl DeadLetters {
    /// Those of the sink of this name; without a folder, they are not kept.
    pub fn beside(folder: Option<&Path>, name: &str) -> Self {
        Self { path: folder.map(|folder| folder.join(format!("{name}.dead.jsonl"))) }
    }

    /// Adds a letter.
    pub fn put(&self, delivery: &Delivery, why: &str) {
        let written = self.path.as_deref().map_or(Ok(()), |path| append(path, &Letter { why, delivery }));
        if let Err(why) = written {
            error!(%why, "a dead letter could not be written");
        }
    }
}

fn append(path: &Path, letter: &Letter) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    if file.metadata()?.len() > MOST {
        return Err(io::Error::other("there are too many"));
    }
    let mut line = serde_json::to_vec(letter)?;
    line.push(b'\n');
    file.write_all(&line)
}
