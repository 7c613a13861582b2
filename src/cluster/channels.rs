//! The channels of a server, as its parts use them: within the process, or over all nodes of a cluster.
//!
//! `engine::channels` decides. Here are the lock around the board, those who listen, and those who wait until a message cannot be lost
//! any more.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::engine::channels::{Alone, Backend, Board, ChannelEvent, NotTaken, Presence};
use crate::wire::limits;

/// Why a message was not published, or may not have been.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotPublished {
    /// No channel can have such a name.
    #[error("the name of a channel has 1 to {} bytes and no control characters", limits::CHANNEL_NAME)]
    BadName,
    /// The message is too long.
    #[error("a message has at most {} bytes", limits::CHANNEL_BODY)]
    TooLong,
    /// Redis is away, or slower than those who publish.
    #[error("too many messages wait; try again later")]
    TooMany,
    /// Redis has not answered in time. The message waits, and may still be published.
    #[error("Redis does not answer; the message waits until it does")]
    Waits,
}

impl From<NotTaken> for NotPublished {
    fn from(why: NotTaken) -> Self {
        match why {
            NotTaken::BadName => Self::BadName,
            NotTaken::TooLong => Self::TooLong,
            NotTaken::TooMany => Self::TooMany,
        }
    }
}

/// The channels of a server: messages for everybody who listens, and who is present. In a
/// [cluster](crate::guide::cluster), those of all its nodes. Clones are handles to the same.
///
/// Routes that [`Server::routes`](crate::Server::routes) adds find it as `web::Data<Channels>`; [`Server::channels`](crate::Server::channels)
/// has it as soon as the server is made.
#[derive(Clone)]
pub struct Channels {
    shared: Arc<SharedBoard>,
    backend: Arc<dyn Backend>,
}

/// The board, and what depends on it.
#[derive(Default)]
pub(super) struct SharedBoard {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    board: Board,
    listeners: Vec<Listener>,
    /// Those of one channel each, by its name and a number of their own.
    followers: BTreeMap<String, BTreeMap<u64, Call>>,
    followed: u64,
    /// Who waits until the log has so many messages.
    waiting: VecDeque<(u64, oneshot::Sender<()>)>,
}

type Call = Box<dyn Fn(&ChannelEvent) + Send>;

struct Listener {
    prefix: String,
    call: Call,
}

/// Somebody follows a channel, until this is dropped.
pub struct Following {
    shared: Arc<SharedBoard>,
    channel: String,
    number: u64,
}

impl Channels {
    /// How long a publisher waits for Redis.
    const PATIENCE: Duration = Duration::from_secs(5);

    /// Channels within this process.
    pub fn alone() -> Self {
        Self { shared: Arc::default(), backend: Arc::new(Alone) }
    }

    /// Channels that this backend carries.
    #[cfg(feature = "cluster")]
    pub(super) fn over(backend: impl FnOnce(Arc<SharedBoard>) -> Arc<dyn Backend>) -> Self {
        let shared = Arc::<SharedBoard>::default();
        Self { backend: backend(shared.clone()), shared }
    }

    /// Publishes a message. Returns when it is in the log that all nodes read, from where on it reaches everybody who listens, in one
    /// order for all.
    ///
    /// # Errors
    /// Why it was not published, or may not have been.
    pub async fn publish(&self, channel: &str, body: &str) -> Result<(), NotPublished> {
        let (done, is_done) = oneshot::channel();
        self.shared.act(&*self.backend, |inner| {
            let number = inner.board.publish(channel, body)?;
            inner.waiting.push_back((number, done));
            Ok::<_, NotTaken>(())
        })?;
        // A board never goes away while somebody has this handle.
        timeout(Self::PATIENCE, is_done).await.map_or(Err(NotPublished::Waits), |_| Ok(()))
    }

    /// As [`Self::publish`], for those who cannot wait.
    ///
    /// # Errors
    /// Why it will not be published.
    pub fn publish_soon(&self, channel: &str, body: &str) -> Result<(), NotPublished> {
        self.shared.act(&*self.backend, |inner| inner.board.publish(channel, body).map(drop)).map_err(Into::into)
    }

    /// One more client of this server is present in a channel as this member, of whom `info` tells others. An empty `member` counts
    /// clients that have no id.
    ///
    /// # Errors
    /// Why others are not told.
    pub fn enter(&self, channel: &str, member: &str, info: &str) -> Result<(), NotTaken> {
        self.shared.act(&*self.backend, |inner| inner.board.enter(channel, member, info))
    }

    /// One of them has gone.
    pub fn leave(&self, channel: &str, member: &str) {
        self.shared.act(&*self.backend, |inner| inner.board.leave(channel, member));
    }

    /// Calls `listener` with what happens in channels whose names begin with `prefix`, beginning with who is present. Calls come one at
    /// a time, in the same order at all nodes. The listener must neither wait nor call methods of this type.
    pub fn listen(&self, prefix: &str, listener: impl Fn(&ChannelEvent) + Send + 'static) {
        self.shared.act(&*self.backend, |inner| {
            let listener = Listener { prefix: prefix.to_owned(), call: Box::new(listener) };
            inner.board.present().for_each(|event| listener.hear(&event));
            inner.listeners.push(listener);
        });
    }
}

impl Channels {
    /// Calls `listener` with what happens in this channel, after `present` was called with who is there. As [`Self::listen`] otherwise.
    pub(crate) fn follow(
        &self,
        channel: &str,
        present: impl FnOnce(Vec<Presence>),
        listener: impl Fn(&ChannelEvent) + Send + 'static,
    ) -> Following {
        let number = self.shared.act(&*self.backend, |inner| {
            present(inner.board.present_in(channel));
            inner.followed += 1;
            let of_channel = inner.followers.entry(channel.to_owned()).or_default();
            of_channel.insert(inner.followed, Box::new(listener));
            inner.followed
        });
        Following { shared: self.shared.clone(), channel: channel.to_owned(), number }
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        let mut inner = self.shared.inner.lock();
        let Some(of_channel) = inner.followers.get_mut(&self.channel) else { return };
        of_channel.remove(&self.number);
        if of_channel.is_empty() {
            inner.followers.remove(&self.channel);
        }
    }
}

impl Listener {
    fn hear(&self, event: &ChannelEvent) {
        if channel_of(event).is_none_or(|channel| channel.starts_with(&self.prefix)) {
            (self.call)(event);
        }
    }
}

/// The channel in which it happened; `None` when it concerns all.
fn channel_of(event: &ChannelEvent) -> Option<&str> {
    match event {
        ChannelEvent::Message { channel, .. } => Some(channel),
        ChannelEvent::Presence { presence, .. } => Some(&presence.channel),
        ChannelEvent::Missed => None,
    }
}

impl SharedBoard {
    fn act<T>(&self, backend: &dyn Backend, change: impl FnOnce(&mut Inner) -> T) -> T {
        self.change(|inner| {
            let answer = change(inner);
            let events = backend.carry(&mut inner.board);
            (answer, events)
        })
    }

    /// Changes the board, and tells those who listen what happened.
    #[cfg(feature = "cluster")]
    pub fn update<T>(&self, change: impl FnOnce(&mut Board) -> (T, Vec<ChannelEvent>)) -> T {
        self.change(|inner| change(&mut inner.board))
    }

    fn change<T>(&self, change: impl FnOnce(&mut Inner) -> (T, Vec<ChannelEvent>)) -> T {
        let mut inner = self.inner.lock();
        let (answer, events) = change(&mut inner);
        let Inner { board, listeners, followers, waiting, .. } = &mut *inner;
        while let Some((_, done)) = waiting.pop_front_if(|(number, _)| *number <= board.sent()) {
            let _ = done.send(());
        }
        for event in &events {
            listeners.iter().for_each(|listener| listener.hear(event));
            match channel_of(event) {
                Some(channel) => followers.get(channel).into_iter().flatten().for_each(|(_, call)| call(event)),
                None => followers.values().flatten().for_each(|(_, call)| call(event)),
            }
        }
        answer
    }
}

impl fmt::Debug for Channels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Channels")
    }
}
