//! What rooms go on from that other nodes had: those that were handed over to this node, and those of nodes that are gone, of
//! which it reads the journals.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use base64::prelude::{BASE64_STANDARD as BASE64, Engine};
use parking_lot::Mutex;
use tokio::sync::OnceCell;
use tokio::task::spawn_blocking;

use super::Origin;
use super::node::Cluster;
use super::remote_journal::files_of;
use crate::engine::Checkpoint;
use crate::engine::cluster::{Answer, Epoch, Legacy, Request, Summons};
use crate::store::{FoundRoom, Remains};
use crate::wire::Close;

/// Entries per answer: more would keep Redis from others for longer.
const ENTRIES_PER_ANSWER: usize = 64;

type Fetched<T> = Mutex<BTreeMap<T, Arc<OnceCell<Option<Origin>>>>>;
type TakeRoom = Box<dyn Fn(Summons, Origin) + Send + Sync>;

/// What is being fetched, each once, however many clients wait for it.
#[derive(Default)]
pub(super) struct Legacies {
    rooms: Fetched<String>,
    journals: Mutex<BTreeMap<Epoch, Arc<OnceCell<Arc<Remains>>>>>,
    /// Whether the rooms of nodes that are gone are being taken over.
    is_taking: AtomicBool,
    take: Mutex<Option<TakeRoom>>,
}

impl Cluster {
    /// What a room goes on from that was handed over to this node, or was that of a node that is gone; `None` if it goes on
    /// already. Asked for once, however many come at the same time.
    ///
    /// # Errors
    /// Redis does not answer, or this node may decide nothing now.
    pub async fn origin(&self, room: &str) -> Result<Option<Origin>, Close> {
        let cell = self.legacies.rooms.lock().entry(room.to_owned()).or_default().clone();
        let origin = cell.get_or_try_init(|| self.fetch_origin(room)).await.cloned();
        self.legacies.rooms.lock().retain(|_, cell| !cell.initialized());
        origin
    }

    async fn fetch_origin(&self, room: &str) -> Result<Option<Origin>, Close> {
        let legacy = match self.ask(&Request::Saved { node: self.asker()?, id: room.to_owned() }).await? {
            Answer::Ok(texts) => Legacy::read(&texts).ok_or(Close::RoomClosed)?,
            Answer::None => return Ok(None),
            answer => return Err(self.later(&answer)),
        };
        for (node, incarnation) in legacy.nodes {
            let remains = self.remains(node).await?;
            // A node that came back has rooms in its journal that it had lost before.
            let found = remains.room(room).filter(|found| incarnation_of(found) == Some(incarnation));
            if let Some(found) = found {
                return Ok(Some(Origin::Journal(found)));
            }
        }
        if !legacy.saved.is_empty() {
            return Ok(Some(
                BASE64.decode(legacy.saved).map_or(Origin::Lost, |saved| Origin::Checkpoint(saved.into())),
            ));
        }
        Ok(Some(if legacy.has_begun { Origin::Lost } else { Origin::New }))
    }

    /// The journal of a node that is gone. It is read once for all its rooms.
    async fn remains(&self, node: Epoch) -> Result<Arc<Remains>, Close> {
        let cell = self.legacies.journals.lock().entry(node).or_default().clone();
        cell.get_or_try_init(|| self.fetch_remains(node)).await.cloned()
    }

    async fn fetch_remains(&self, of: Epoch) -> Result<Arc<Remains>, Close> {
        let mut entries = Vec::new();
        loop {
            let (node, from, count) = (self.asker()?, entries.len(), ENTRIES_PER_ANSWER);
            match self.ask(&Request::Journal { node, of, from, count }).await? {
                Answer::Ok(more) if more.is_empty() => break,
                Answer::Ok(more) => entries.extend(more),
                answer => return Err(self.later(&answer)),
            }
        }
        let read = spawn_blocking(move || Arc::new(Remains::read(&files_of(&entries)))).await;
        read.map_err(|_| Close::TryLater)
    }

    /// `take` is called for each room of a node that is gone which goes on here, until it does.
    pub fn on_fallen(&self, take: impl Fn(Summons, Origin) + Send + Sync + 'static) {
        *self.legacies.take.lock() = Some(Box::new(take));
    }

    /// After a beat that told of so many rooms of nodes that are gone.
    pub(super) fn heed_fallen(self: &Arc<Self>, rooms: usize) {
        if rooms == 0 {
            self.legacies.journals.lock().clear();
        } else if !self.legacies.is_taking.swap(true, Ordering::AcqRel) {
            let node = self.clone();
            actix::spawn(async move {
                // What fails now is tried again after the next beat.
                let _ = node.take_fallen().await;
                node.legacies.is_taking.store(false, Ordering::Release);
            });
        }
    }

    async fn take_fallen(&self) -> Result<(), Close> {
        let Answer::Ok(texts) = self.ask(&Request::Fallen { node: self.asker()? }).await? else { return Ok(()) };
        for summons in Summons::read_fallen(&texts) {
            if self.owns(&summons.room) {
                continue;
            }
            if let (Some(origin), Some(take)) = (self.origin(&summons.room).await?, &*self.legacies.take.lock()) {
                take(summons, origin);
            }
        }
        Ok(())
    }
}

fn incarnation_of(found: &FoundRoom) -> Option<u64> {
    Some(Checkpoint::decode(&found.checkpoint).ok()?.config().incarnation.0)
}

impl fmt::Debug for Legacies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Legacies").finish_non_exhaustive()
    }
}
