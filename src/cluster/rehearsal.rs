//! The rehearsal: before a node whose build differs from that of others takes rooms, it runs again what their journals have of
//! theirs. A build whose games lead elsewhere is found before any player is in its hands.

use std::fmt;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::task::spawn_blocking;
use tracing::{error, info, warn};

use super::Rehearsal;
use super::node::Cluster;
use super::remote_journal::files_of;
use crate::engine::cluster::{Answer, NodeEntry, Request};
use crate::store::{FoundRoom, Remains};
use crate::wire::Close;

/// A journal that is being written is read in one answer, because its entries change their places.
const ALL: usize = 1_000_000;
/// Rooms that are named in the log.
const MOST_NAMED: usize = 5;

type RunAgain = Arc<dyn Fn(&FoundRoom) -> Result<(), String> + Send + Sync>;

/// Runs a room of a journal again; the error says where that led.
#[derive(Default)]
pub(super) struct RunsAgain(Mutex<Option<RunAgain>>);

/// What a rehearsal has found.
#[derive(Default)]
struct Judgement {
    nodes: usize,
    rooms: usize,
    /// Why rooms differ.
    wrong: Vec<String>,
}

impl Cluster {
    /// How rooms are run again.
    pub fn rehearse_by(&self, run: impl Fn(&FoundRoom) -> Result<(), String> + Send + Sync + 'static) {
        *self.runs_again.0.lock() = Some(Arc::new(run));
    }

    /// Begins the rehearsal, if one is due. The node goes on to beat meanwhile.
    pub(super) fn heed_rehearsal(self: &Arc<Self>) {
        let run = self.runs_again.0.lock().clone();
        let (Some(run), mut state) = (run, self.state.lock()) else { return };
        if state.rehearsal == Rehearsal::Due {
            state.rehearsal = Rehearsal::Running;
            let node = self.clone();
            actix::spawn(async move {
                let judged = node.judge_others(run).await;
                node.note_judgement(judged);
            });
        }
    }

    fn note_judgement(&self, judged: Result<Judgement, Close>) {
        let rehearsal = match judged {
            // What fails now is tried again after the next beat.
            Err(_) => Rehearsal::Due,
            Ok(Judgement { nodes, rooms, wrong }) if wrong.is_empty() => {
                info!(nodes, rooms, "this build leads the rooms of other builds where they went");
                Rehearsal::Passed
            }
            Ok(Judgement { rooms, wrong, .. }) => {
                for why in wrong.iter().take(MOST_NAMED) {
                    error!(why, "this build leads a room of another build elsewhere");
                }
                error!(
                    rooms = wrong.len(),
                    of = rooms,
                    "this node takes no rooms: its build differs from that of the others"
                );
                Rehearsal::Failed { rooms: wrong.len(), of: rooms }
            }
        };
        self.state.lock().rehearsal = rehearsal;
        if rehearsal == Rehearsal::Passed {
            self.beat_now();
        }
    }

    async fn judge_others(&self, run: RunAgain) -> Result<Judgement, Close> {
        let mut judgement = Judgement::default();
        let all = self.list_nodes().await?;
        let others = all.into_iter().filter(|node| node.version != self.settings.version && node.rooms > 0);
        for NodeEntry { epoch, name, takeover, .. } in others {
            if !takeover {
                warn!(name, "a node without takeover writes no journal, so its rooms cannot be run again");
                continue;
            }
            let journal = Request::Journal { node: self.asker()?, of: epoch, from: 0, count: ALL };
            let entries = match self.ask(&journal).await? {
                Answer::Ok(entries) => entries,
                answer => return Err(self.later(&answer)),
            };
            let run = run.clone();
            let judged = spawn_blocking(move || {
                let remains = Remains::read(&files_of(&entries));
                remains.rooms().map(|found| run(found)).collect::<Vec<_>>()
            });
            let judged = judged.await.map_err(|_| Close::TryLater)?;
            (judgement.nodes, judgement.rooms) = (judgement.nodes + 1, judgement.rooms + judged.len());
            judgement.wrong.extend(judged.into_iter().filter_map(Result::err));
        }
        Ok(judgement)
    }
}

impl fmt::Debug for RunsAgain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunsAgain").finish_non_exhaustive()
    }
}
