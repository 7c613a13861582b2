//! What peers of the test world do on a whim: leave, break off, freeze or talk.

use std::time::Duration;

use crate::judge::below;
use crate::sim::World;

impl World {
    pub fn whim(&mut self, peer: usize) {
        let wait = Duration::from_millis(u64::from(200 + below(&mut self.random, 800)));
        self.peers[peer].next_whim = self.play.now().plus(wait);
        let Some(id) = self.peers[peer].player else { return };
        match below(&mut self.random, 100) {
            0..4 => {
                self.play.leave(id);
                self.part(peer, wait);
            }
            4..8 => {
                self.play.cut(id, below(&mut self.random, 3) > 0);
                self.part(peer, wait);
            }
            8..12 => self.play.freeze(id, wait * below(&mut self.random, 9)),
            12..40 if self.play[id].client().welcome().is_some() => {
                let mut judge = self.judge.borrow_mut();
                let account = judge.accounts.get_mut(&id).expect("a player has an account");
                account.commands += 1;
                self.play[id].command(1, &account.commands.to_le_bytes());
            }
            40..44 => self.play[id].ping(7),
            _ => {}
        }
    }
}
