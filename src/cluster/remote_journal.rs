//! The journal of this node's rooms, in Redis: one entry per commit, refused when the node's epoch is.
//!
//! It stands for a disk, whose files are entries with the name of the file in front. What is still needed stays in memory, too:
//! a Redis that forgot everything or its last entries gets them again, under the node's new epoch if it has one. An append
//! returns when Redis has it; while Redis is away, whatever waits for its record goes on waiting, and rooms stand still when the
//! lease ends.

use std::collections::{BTreeMap, VecDeque};
use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::thread::sleep;
use std::time::Duration;

use base64::prelude::{BASE64_STANDARD as BASE64, Engine};
use tokio::runtime::{Builder, Runtime};

use super::link::{Link, Unavailable};
use super::node::Cluster;
use crate::engine::cluster::{Answer, Epoch, Request};
use crate::store::Disk;

/// The writing half of a node's journal.
struct RemoteJournal {
    cluster: Arc<Cluster>,
    /// A connection of its own: a large entry must not hold up the beats.
    link: Link,
    runtime: Runtime,
    /// What is still needed, oldest first: the name of the file, and the entry.
    entries: VecDeque<(String, String)>,
    /// The number of the first of these, and of the first that Redis has not confirmed.
    first: u64,
    unsent: u64,
    /// The epoch under which Redis has the others.
    epoch: Option<Epoch>,
    newest: String,
    /// The first bytes of the newest file: they go with those that follow.
    head: Option<Vec<u8>>,
}

/// Time between two tries.
const RETRY: Duration = Duration::from_millis(20);
/// Characters and entries of one request: more would keep Redis from others for longer.
const CHARACTERS: usize = 8 << 20;
const ENTRIES: usize = 1000;

impl Cluster {
    /// What stands for the disk of this node's journal.
    ///
    /// # Errors
    /// The operating system refuses a resource.
    pub fn journal(self: &Arc<Self>) -> io::Result<Box<dyn Disk>> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let link =
            Link::new(&self.settings, self.times.patience()).map_err(|Unavailable(why)| io::Error::other(why))?;
        let (entries, newest) = Default::default();
        let (cluster, first, unsent, epoch, head) = (self.clone(), 0, 0, None, None);
        Ok(Box::new(RemoteJournal { cluster, link, runtime, entries, first, unsent, epoch, newest, head }))
    }
}

impl RemoteJournal {
    /// Returns when Redis has everything, or the node has left the cluster.
    fn upload(&mut self) {
        let end = self.first + self.entries.len() as u64;
        while self.unsent < end || self.epoch != self.cluster.epoch() {
            let Some(epoch) = self.cluster.epoch() else {
                if self.cluster.has_left() {
                    return;
                }
                sleep(RETRY);
                continue;
            };
            if self.epoch != Some(epoch) {
                (self.epoch, self.unsent) = (Some(epoch), self.first);
            }
            let entries = self.next_entries();
            let count = entries.len() as u64;
            let request = Request::Append { node: epoch, first: self.first, at: self.unsent, entries };
            match self.ask(&request) {
                Ok(Answer::Ok(_)) => self.unsent += count,
                Ok(Answer::Gap) => self.unsent = self.first,
                answer => {
                    if matches!(answer, Ok(Answer::Fenced { .. })) {
                        self.cluster.beat_now();
                    }
                    sleep(RETRY);
                }
            }
        }
    }

    fn next_entries(&self) -> Vec<String> {
        let mut left = CHARACTERS;
        let waiting = self.entries.iter().skip((self.unsent - self.first) as usize).take(ENTRIES);
        let fits = |(_, entry): &&(String, String)| {
            let fits = left > 0;
            left = left.saturating_sub(entry.len());
            fits
        };
        waiting.take_while(fits).map(|(_, entry)| entry.clone()).collect()
    }

    fn ask(&self, request: &Request) -> Result<Answer, Unavailable> {
        self.runtime.block_on(async {
            if !self.link.is_up() {
                self.link.connect().await?;
            }
            self.link.ask(request).await
        })
    }
}

impl Disk for RemoteJournal {
    /// A node begins with nothing: its epoch is new.
    fn list(&mut self) -> io::Result<Vec<String>> {
        Ok(Vec::new())
    }

    fn read(&mut self, _: &str) -> io::Result<Vec<u8>> {
        Err(ErrorKind::NotFound.into())
    }

    fn create(&mut self, name: &str) -> io::Result<()> {
        (self.newest, self.head) = (name.to_owned(), None);
        Ok(())
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let begins = self.entries.back().is_none_or(|(name, _)| *name != self.newest);
        if begins && self.head.is_none() {
            self.head = Some(bytes.to_vec());
            return Ok(());
        }
        let bytes = [&self.head.take().unwrap_or_default()[..], bytes].concat();
        let entry = format!("{}:{}", self.newest, BASE64.encode(bytes));
        self.entries.push_back((self.newest.clone(), entry));
        self.upload();
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        Ok(())
    }

    /// Redis trims its list with the next entry.
    fn remove(&mut self, name: &str) -> io::Result<()> {
        while self.entries.pop_front_if(|(file, _)| file == name).is_some() {
            self.first += 1;
        }
        self.unsent = self.unsent.max(self.first);
        Ok(())
    }

    fn keep(&mut self, _: &[String], _: &str) -> io::Result<String> {
        Err(ErrorKind::Unsupported.into())
    }

    fn set_aside(&mut self, _: &str) -> io::Result<String> {
        Err(ErrorKind::Unsupported.into())
    }

    fn pause(&self) -> Duration {
        Duration::from_millis(20)
    }
}

/// Puts the files of a journal together again. What is no entry is left out, and noticed as missing by whoever reads them.
pub(super) fn files_of(entries: &[String]) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::<String, Vec<u8>>::new();
    for entry in entries {
        let parts = entry.split_once(':').and_then(|(name, text)| Some((name, BASE64.decode(text).ok()?)));
        if let Some((name, bytes)) = parts {
            files.entry(name.to_owned()).or_default().extend(bytes);
        }
    }
    files
}
