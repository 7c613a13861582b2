//! Random actions of peers in the test world: leave, disconnect, withdraw a join, freeze or chat.

use std::time::Duration;

use tickwire::engine::OverloadStep;

use crate::judge::below;
use crate::sim::{Memory, World};

impl World {
    pub fn whim(&mut self, peer: usize) {
        let wait = Duration::from_millis(u64::from(200 + below(&mut self.random, 800)));
        self.peers[peer].next_whim = self.play.now().plus(wait);
        let Some(id) = self.peers[peer].player else { return };
        match below(&mut self.random, 100) {
            0..3 => {
                self.play.leave(id);
                // As often as not at once, on the heels of the goodbye.
                let back_in = wait * below(&mut self.random, 2);
                self.part(peer, back_in, Memory::Nothing);
            }
            3..8 => {
                self.play.cut(id, below(&mut self.random, 3) > 0);
                let memory = self.memory();
                // Some are back before the hold ends, and some are not.
                let back_in = wait * (1 + below(&mut self.random, 5));
                self.part(peer, back_in, memory);
            }
            8..10 => {
                self.play.unload(id);
                self.part(peer, wait / 4, Memory::Pass);
            }
            // A second tab, while the first one is still there.
            10..12 => self.part(peer, Duration::ZERO, Memory::Pass),
            12..16 => self.play.freeze(id, wait * below(&mut self.random, 9)),
            // Also on the way back, when nobody knows yet whether the seat is still there.
            16..44 => {
                let kind = below(&mut self.random, 3);
                self.command(peer, kind as u16);
            }
            44..48 => self.play[id].ping(7),
            48..50 => _ = self.play[id].chat(&[], "hello"),
            50 => {
                let step = below(&mut self.random, 4) as u8;
                self.play.overload(OverloadStep::from_number(step));
            }
            _ => {}
        }
    }
}
