//! What goes wrong in the test world: cuts of the link, and clients that leave, break off, freeze or talk.

use std::time::Duration;

use tickwire::tick::Moment;
use tickwire::wire::Close;

use crate::ends::{CLOSE, below};
use crate::sim::World;

impl World {
    /// A cut of the link resets the connection. The server learns of it at once, or only by the silence.
    pub fn strike(&mut self, id: usize) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        if connection.client.is_none() {
            return;
        }
        if let Some((start, end)) = connection.up.next_cut(self.now)
            && start <= self.now
        {
            self.sever(id, end.since(self.now));
        }
    }

    fn sever(&mut self, id: usize, back_in: Duration) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        connection.severed = true;
        while connection.up.poll(Moment(u64::MAX)).is_some() {}
        self.drop_client(id, back_in);
        if below(&mut self.random, 3) > 0 {
            self.end(id, Close::Lost);
        }
    }

    pub fn whim(&mut self, peer: usize) {
        let wait = Duration::from_millis(u64::from(200 + below(&mut self.random, 800)));
        self.peers[peer].next_whim = self.now.plus(wait);
        let Some(id) = self.peers[peer].connection else { return };
        let Some(connection) = self.connections.get_mut(&id) else { return };
        let Some(client) = connection.client.as_mut() else { return };
        match below(&mut self.random, 100) {
            0..4 => {
                connection.send_up(self.now, CLOSE, &[]);
                self.drop_client(id, wait);
            }
            4..8 => self.sever(id, wait),
            8..12 => client.frozen_until = self.now.plus(wait * below(&mut self.random, 9)),
            12..40 if client.client.welcome().is_some() => client.make_command(),
            40..44 => client.client.ping(7),
            _ => {}
        }
    }
}
