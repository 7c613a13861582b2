//! The log of channels in Redis: one task adds what this node has to tell, another reads what all nodes have told.
//!
//! Both start when somebody uses channels. While Redis is away, what is to be told waits, and what others tell is read later. The
//! reader has a connection of its own, on which it waits for the next entry.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{sleep, timeout};
use tracing::{debug, warn};

use super::boottime;
use super::channels::{Channels, SharedBoard};
use super::link::{Link, Unavailable};
use super::node::{Cluster, unexpected};
use crate::engine::channels::{Backend, Board, ChannelEvent, Position, Presence};
use crate::engine::cluster::{Answer, ChannelRequest, Epoch, Request, RosterPage, read_entries};
use crate::tick::Moment;

/// Entries per answer: more would keep Redis from others for longer.
const ENTRIES_PER_ANSWER: usize = 256;
/// How often the log is told numbers for which nobody waits.
const COUNTS_EVERY: Duration = Duration::from_secs(1);
/// Time between two tries.
const RETRY: Duration = Duration::from_millis(50);

/// The way from a board to the log.
struct ChannelLog {
    cluster: Weak<Cluster>,
    board: Arc<SharedBoard>,
    is_started: AtomicBool,
    /// There is something to tell.
    wake: Arc<Notify>,
}

impl Cluster {
    /// The channels of the cluster.
    pub fn channels(self: &Arc<Self>) -> Channels {
        Channels::over(|board| {
            let (cluster, is_started, wake) = (Arc::downgrade(self), AtomicBool::new(false), Arc::default());
            Arc::new(ChannelLog { cluster, board, is_started, wake })
        })
    }
}

impl Backend for ChannelLog {
    fn carry(&self, _: &mut Board) -> Vec<ChannelEvent> {
        if !self.is_started.swap(true, Ordering::AcqRel)
            && let Some(cluster) = self.cluster.upgrade()
        {
            let (board, wake, node) = (self.board.clone(), self.wake.clone(), cluster.clone());
            let task = async move { announce_all(&node, &board, &wake).await };
            cluster.spawn(task);
            let (board, node) = (self.board.clone(), cluster.clone());
            cluster.spawn(async move { read_all(&node, &board).await });
        }
        self.wake.notify_one();
        Vec::new()
    }
}

/// Adds to the log what the board has to add, for as long as the node lives.
async fn announce_all(cluster: &Cluster, board: &SharedBoard, wake: &Notify) {
    // Under which epoch, and to which start of Redis, the board has announced who is present.
    let mut known = None;
    let mut counts_at = boottime::now();
    loop {
        let is_due = boottime::now() >= counts_at;
        if is_due {
            counts_at = boottime::now().plus(COUNTS_EVERY);
        }
        if announce(cluster, board, &mut known, is_due).await {
            let _ = timeout(counts_at.since(boottime::now()), wake.notified()).await;
        } else {
            sleep(RETRY).await;
        }
    }
}

/// Returns whether everything is told.
async fn announce(cluster: &Cluster, board: &SharedBoard, known: &mut Option<(Epoch, u64)>, counts: bool) -> bool {
    loop {
        let Some((node, boot)) = cluster.epoch_and_boot() else { return false };
        if *known != Some((node, boot)) {
            *known = Some((node, boot));
            board.update(|board| (board.announce_again(node), Vec::new()));
        }
        let batch = board.update(|board| (board.next(counts), Vec::new()));
        if batch.is_empty() {
            return true;
        }
        match cluster.link.ask(&Request::Channels(ChannelRequest::Announce { node, batch: batch.clone() })).await {
            Ok(Answer::Ok(_)) => board.update(|board| (board.confirm(&batch), Vec::new())),
            answer => {
                debug!(?answer, "channels: Redis did not take what this node has to tell");
                if matches!(answer, Ok(Answer::Fenced { .. })) {
                    cluster.beat_now();
                }
                // Its task connects again.
                cluster.wake.notify_one();
                return false;
            }
        }
    }
}

/// Reads what all nodes have told, for as long as the node lives.
async fn read_all(cluster: &Cluster, board: &SharedBoard) {
    let patience = cluster.times.patience();
    let link = match Link::new(&cluster.settings, patience) {
        Ok(link) => link,
        Err(Unavailable(why)) => return warn!(why, "channels: there is no way to Redis"),
    };
    // When those who were there before Redis forgot everything have had the time to say so.
    let mut refresh_at = None;
    loop {
        if let Err(Unavailable(why)) = read_next(&link, board, &mut refresh_at, patience).await {
            debug!(why, "channels: Redis does not answer");
            sleep(RETRY).await;
        }
    }
}

async fn read_next(
    link: &Link,
    board: &SharedBoard,
    refresh_at: &mut Option<Moment>,
    patience: Duration,
) -> Result<(), Unavailable> {
    if !link.is_up() {
        link.connect().await?;
    }
    let Some((after, anyway)) = board.update(|board| (board.position(), Vec::new())) else {
        return resync(link, board, refresh_at).await;
    };
    if refresh_at.is_some_and(|at| boottime::now() >= at) {
        let (at, all, _) = read_roster(link).await?;
        *refresh_at = None;
        board.update(|board| ((), board.refresh(at, &all)));
    }
    let most = ENTRIES_PER_ANSWER;
    let texts = match link.ask(&Request::Channels(ChannelRequest::Follow { after, anyway, most })).await? {
        Answer::Ok(texts) => texts,
        Answer::Gap => {
            warn!("channels: this node was away for so long that messages are lost");
            return resync(link, board, refresh_at).await;
        }
        _ => return Err(unexpected("follow")),
    };
    let entries = read_entries(&texts).ok_or_else(|| unexpected("follow"))?;
    let read = board.update(|board| {
        let (events, read) = board.read(&entries);
        (read, events)
    });
    if read.is_err() {
        return resync(link, board, refresh_at).await;
    }
    if entries.is_empty() {
        link.wait_for_entry("channels", board_position(board, after), patience / 2).await?;
    }
    Ok(())
}

fn board_position(board: &SharedBoard, after: Position) -> Position {
    board.update(|board| (board.position(), Vec::new())).map_or(after, |(position, _)| position)
}

/// Reads who is present as a whole.
async fn resync(link: &Link, board: &SharedBoard, refresh_at: &mut Option<Moment>) -> Result<(), Unavailable> {
    let (at, all, registers_for) = read_roster(link).await?;
    let keeps = !registers_for.is_zero();
    // Somewhat later: who was there must also have been heard.
    *refresh_at = keeps.then(|| boottime::now().plus(registers_for + COUNTS_EVERY));
    board.update(|board| ((), board.resync(at, &all, keeps)));
    Ok(())
}

type Roster = (Position, Vec<(Epoch, Vec<Presence>)>, Duration);

/// The roster by nodes, the place in the log where reading it began, and for how long nodes register.
async fn read_roster(link: &Link) -> Result<Roster, Unavailable> {
    let (mut all, mut begun, mut after) = (Vec::new(), None, Epoch(0));
    loop {
        let answer = link.ask(&Request::Channels(ChannelRequest::Roster { after })).await?;
        let Answer::Ok(texts) = answer else { return Err(unexpected("roster")) };
        let page = RosterPage::read(&texts).ok_or_else(|| unexpected("roster"))?;
        let (at, registers_for) = *begun.get_or_insert((page.at, Duration::from_micros(page.registers_for)));
        let Some((node, presences)) = page.node else { return Ok((at, all, registers_for)) };
        all.push((node, presences));
        after = node;
    }
}
