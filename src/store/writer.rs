//! The thread that writes a journal: it takes what waits, writes it as one batch, and tells the rooms.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::thread;
use std::time::{Duration, Instant};

use rand::TryRng;
use rand::rngs::SysRng;
use serde::{Deserialize, Serialize};
use tracing::{error, warn};

use super::disk::Disk;
use super::entry::{RoomDigest, put_end};
use super::history;
use super::journal::{Job, Journal, RoomJournal, Shared, StoreState};
use super::seals::Seals;
use super::segment::{Chain, Header, Salt};
use crate::tick::Moment;
use crate::trust::PersonKeys;

/// What a safe record survives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Durability {
    /// The end of the process, however sudden: the operating system has the record.
    #[default]
    Process,
    /// A loss of power: the disk has the record.
    Disk,
}

/// What rooms do when the journal cannot be written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StoreFailure {
    /// They go on. The journal is moved out of the way first, because it would bring back an old state.
    #[default]
    GoOn,
    /// They end, and can go on when a server starts with a disk that works.
    End,
}

/// The writing half of a journal.
pub(super) struct Writer {
    disk: Box<dyn Disk>,
    chain: Chain,
    header: Header,
    durability: Durability,
    failure: StoreFailure,
    seals: Seals,
    shared: Arc<Shared>,
    /// The segment of each room's newest checkpoint.
    rooms: BTreeMap<RoomDigest, u64>,
    /// Segments of this process, oldest first.
    segments: VecDeque<Header>,
    /// Bytes in the newest segment.
    length: usize,
    /// When the newest segment was started.
    started: Instant,
    /// Rooms that are written, to be told of a failure.
    live: BTreeMap<RoomDigest, Weak<RoomJournal>>,
}

impl Writer {
    /// Segments end at this size ...
    const SEGMENT: usize = 32 << 20;
    /// ... or after this time, if anything is in them. By then, each room has made a checkpoint, so few are kept.
    const SEGMENT_FOR: Duration = Duration::from_secs(15);

    pub fn start(
        mut disk: Box<dyn Disk>,
        number: u64,
        (durability, failure): (Durability, StoreFailure),
        build: &str,
        keys: Option<PersonKeys>,
        shared: Arc<Shared>,
    ) -> io::Result<Self> {
        let mut build = build.to_owned();
        build.truncate(build.floor_char_boundary(u8::MAX.into()));
        let header = Header { number, continues: false, build };
        let (chain, bytes) = Chain::start(&header, salt());
        disk.create(&header.name())?;
        disk.append(&bytes)?;
        if durability == Durability::Disk {
            disk.sync()?;
        }
        Ok(Self {
            disk,
            chain,
            segments: [header.clone()].into(),
            header,
            durability,
            failure,
            seals: Seals::new(keys),
            shared,
            rooms: BTreeMap::new(),
            length: bytes.len(),
            started: Instant::now(),
            live: BTreeMap::new(),
        })
    }

    /// Writes until the journal is closed.
    pub fn run(mut self) {
        while let Some((jobs, overflowed)) = self.take() {
            let writing = *self.shared.state.lock() == StoreState::Writing;
            let began = history::now();
            if overflowed && writing {
                let most = Journal::MOST_WAITING >> 20;
                self.fail(&format!("the disk is too slow: more than {most} MiB wait to be written"));
            } else if writing && let Err(error) = self.commit(&jobs) {
                self.fail(&error.to_string());
            }
            self.tell(&jobs, began);
            let mut queue = self.shared.queue.lock();
            queue.busy = false;
            self.shared.emptied.notify_all();
            let closing = queue.closed;
            drop(queue);
            if !closing {
                thread::sleep(self.disk.pause());
            }
        }
    }

    /// Waits for jobs. Returns them, and whether there were too many; `None` when the journal is closed.
    fn take(&self) -> Option<(Vec<Job>, bool)> {
        let mut queue = self.shared.queue.lock();
        while queue.jobs.is_empty() {
            if queue.closed {
                return None;
            }
            self.shared.filled.wait(&mut queue);
        }
        (queue.bytes, queue.busy) = (0, true);
        let jobs = std::mem::take(&mut queue.jobs);
        Some((jobs, std::mem::take(&mut queue.overflowed)))
    }

    fn commit(&mut self, jobs: &[Job]) -> io::Result<()> {
        let begun = Instant::now();
        if self.length > Self::SEGMENT || self.started.elapsed() > Self::SEGMENT_FOR {
            self.start_segment()?;
        }
        let mut content = Vec::new();
        let (mut forgotten, mut kept) = (&[][..], &[][..]);
        for job in jobs {
            match job {
                Job::Append { room, entry, .. } => {
                    self.seals.put(&mut content, room.room, entry)?;
                    if entry.checkpoint.is_some() {
                        self.rooms.insert(room.room, self.header.number);
                        self.live.insert(room.room, Arc::downgrade(room));
                    }
                }
                Job::End(room) => {
                    put_end(&mut content, *room);
                    self.seals.end(*room);
                    self.rooms.remove(room);
                    self.live.remove(room);
                }
                Job::Forget(files) => forgotten = files,
                Job::Keep(files) => kept = files,
            }
        }
        if !content.is_empty() {
            let batch = self.chain.batch(&content);
            self.disk.append(&batch)?;
            self.length += batch.len();
            self.shared.written.fetch_add(batch.len() as u64, Ordering::Relaxed);
        }
        if self.durability == Durability::Disk {
            self.disk.sync()?;
        }
        self.shared.commits.fetch_add(1, Ordering::Relaxed);
        self.shared.slowest_micros.fetch_max(begun.elapsed().as_micros() as u64, Ordering::Relaxed);
        for file in forgotten {
            self.remove(file);
        }
        if !kept.is_empty() {
            let place = self.disk.keep(kept, "lost")?;
            self.shared.files.fetch_sub(kept.len(), Ordering::Relaxed);
            warn!(place, "what the journal has of lost rooms is kept");
        }
        self.remove_needless();
        Ok(())
    }

    fn start_segment(&mut self) -> io::Result<()> {
        let header = Header { number: self.header.number + 1, continues: true, ..self.header.clone() };
        let (chain, bytes) = Chain::start(&header, salt());
        // The last segment must be whole before there is a next one.
        if self.durability == Durability::Disk {
            self.disk.sync()?;
        }
        self.disk.create(&header.name())?;
        self.disk.append(&bytes)?;
        self.shared.files.fetch_add(1, Ordering::Relaxed);
        (self.chain, self.length, self.started) = (chain, bytes.len(), Instant::now());
        self.segments.push_back(header.clone());
        self.header = header;
        Ok(())
    }

    /// Deletes the oldest segments while every room has a newer checkpoint.
    fn remove_needless(&mut self) {
        let oldest = self.rooms.values().min().copied().unwrap_or(self.header.number);
        while let Some(needless) = self.segments.pop_front_if(|segment| segment.number < oldest) {
            self.remove(&needless.name());
        }
    }

    fn remove(&mut self, file: &str) {
        match self.disk.remove(file) {
            Ok(()) => _ = self.shared.files.fetch_sub(1, Ordering::Relaxed),
            Err(error) => warn!(%error, file, "a part of the journal that is not needed cannot be deleted"),
        }
    }

    /// What failed once is not tried again: after a failed sync it is unknown what the disk has.
    fn fail(&mut self, why: &str) {
        let aside = match self.failure {
            StoreFailure::GoOn => self.disk.set_aside("failed"),
            StoreFailure::End => Err(io::Error::other("rooms end by configuration")),
        };
        let state = match aside {
            Ok(place) => {
                error!(why, place, "the journal cannot be written; rooms go on and will not survive a crash");
                StoreState::GivenUp(why.to_owned())
            }
            Err(error) => {
                error!(why, %error, "the journal cannot be written; rooms end, and can go on after a start that works");
                StoreState::Failed(why.to_owned())
            }
        };
        *self.shared.state.lock() = state;
        let live = std::mem::take(&mut self.live);
        live.into_values().filter_map(|room| room.upgrade()).for_each(|room| self.tell_failure(&room));
    }

    fn tell_failure(&self, room: &RoomJournal) {
        match *self.shared.state.lock() {
            StoreState::Writing => {}
            StoreState::GivenUp(_) => room.safe.store(u64::MAX, Ordering::Release),
            StoreState::Failed(_) => room.failed.store(true, Ordering::Release),
        }
        (room.wake)();
    }

    fn tell(&self, jobs: &[Job], began: Moment) {
        let writing = *self.shared.state.lock() == StoreState::Writing;
        for job in jobs {
            let Job::Append { room, entry, wakes } = job else { continue };
            if !writing {
                self.tell_failure(room);
                continue;
            }
            history::safe(room, entry.tick, began);
            room.safe.store(entry.upto(), Ordering::Release);
            if *wakes {
                (room.wake)();
            }
        }
    }
}

fn salt() -> Salt {
    let mut salt = Salt::default();
    SysRng.try_fill_bytes(&mut salt).expect("the operating system has randomness");
    salt
}
