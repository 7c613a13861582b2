//! What stands for a node in builds without the feature `cluster`: types without values.

use super::{Parts, Placed, Plan, Status};
use crate::engine::cluster::{Registration, RoomReport};
use crate::engine::{CloseReason, JoinRequest};
use crate::wire::{Close, Join};

/// There is none.
#[derive(Debug)]
pub enum Cluster {}

/// There is none.
#[derive(Clone, Copy, Debug)]
pub enum Tenure {}

#[expect(missing_docs, reason = "as in `node.rs` and `places.rs`")]
#[expect(clippy::unused_async, reason = "as in `node.rs` and `places.rs`")]
impl Cluster {
    pub fn holds(&self) -> bool {
        match *self {}
    }

    pub fn owns(&self, _: &str) -> bool {
        match *self {}
    }

    pub fn status(&self) -> Status {
        match *self {}
    }

    pub fn register(&self, _: Registration) -> Tenure {
        match *self {}
    }

    pub fn report(&self, _: Vec<RoomReport>, _: (u32, usize)) {
        match *self {}
    }

    pub fn publish(&self, _: &str) {
        match *self {}
    }

    pub fn parts(&self) -> Parts {
        match *self {}
    }

    pub async fn place(&self, _: &JoinRequest, _: Option<Plan>) -> Result<Placed, CloseReason> {
        match *self {}
    }

    pub async fn reserve(
        &self,
        _: &Join,
        _: Option<Plan>,
        _: Option<String>,
        _: &[String],
    ) -> Result<String, CloseReason> {
        match *self {}
    }

    pub async fn spend(&self, _: [u8; 32], _: u64) -> Result<(), Close> {
        match *self {}
    }

    pub async fn give_back(&self, _: [u8; 32]) {
        match *self {}
    }

    pub fn drain(&self) {
        match *self {}
    }

    pub async fn leave(&self) {
        match *self {}
    }
}

impl Tenure {
    pub fn holds(&self) -> bool {
        match *self {}
    }

    pub fn is_lost(&self) -> bool {
        match *self {}
    }
}
