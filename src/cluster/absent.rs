//! What stands for a node in builds without the feature `cluster`: types without values.

use std::io;
use std::sync::Arc;

use super::{Channels, Destination, Heir, Origin, Parts, Placed, Plan, Settings, Status};
use crate::engine::cluster::{NodeEntry, Registration, RoomReport, Summons};
use crate::engine::{CloseReason, JoinRequest};
use crate::store::{Disk, FoundRoom};
use crate::wire::{Close, Join};

/// There is none.
#[derive(Debug)]
pub struct Cluster(Never);

/// There is none.
#[derive(Clone, Debug)]
pub struct Tenure(Never);

#[derive(Clone, Debug)]
enum Never {}

#[expect(clippy::unused_async, reason = "as in `node.rs` and `places.rs`")]
impl Cluster {
    pub fn start(_: Settings) -> Result<Arc<Self>, String> {
        Err("this build has no clusters: build it with the feature cluster".to_owned())
    }

    pub fn holds(&self) -> bool {
        match self.0 {}
    }

    pub fn owns(&self, _: &str) -> bool {
        match self.0 {}
    }

    pub fn status(&self) -> Status {
        match self.0 {}
    }

    pub fn register(&self, _: Registration) -> Tenure {
        match self.0 {}
    }

    pub fn report(&self, _: Vec<RoomReport>, _: (u32, usize)) {
        match self.0 {}
    }

    pub fn publish(&self, _: &str) {
        match self.0 {}
    }

    pub fn parts(&self) -> Parts {
        match self.0 {}
    }

    pub async fn place(&self, _: &JoinRequest, _: Option<Plan>) -> Result<Placed, CloseReason> {
        match self.0 {}
    }

    pub async fn reserve(
        &self,
        _: &Join,
        _: Option<Plan>,
        _: Option<String>,
        _: &[String],
    ) -> Result<String, CloseReason> {
        match self.0 {}
    }

    pub fn destination(&self, _: &str) -> Option<Destination> {
        match self.0 {}
    }

    pub async fn peer(&self, _: &str) -> Option<String> {
        match self.0 {}
    }

    pub async fn elsewhere(&self, _: &str) -> Option<String> {
        match self.0 {}
    }

    pub async fn choose_heir(&self) -> Option<Heir> {
        match self.0 {}
    }

    pub fn forget_heir(&self, _: &Heir) {
        match self.0 {}
    }

    pub async fn hand_over(&self, _: &str, _: Option<&Heir>, _: &[u8], _: &[String]) -> Result<String, Close> {
        match self.0 {}
    }

    pub async fn origin(&self, _: &str) -> Result<Option<Origin>, Close> {
        match self.0 {}
    }

    pub fn rehearse_by(&self, _: impl Fn(&FoundRoom) -> Result<(), String> + Send + Sync + 'static) {
        match self.0 {}
    }

    pub fn on_fallen(&self, _: impl Fn(Summons, Origin) + Send + Sync + 'static) {
        match self.0 {}
    }

    pub fn channels(self: &Arc<Self>) -> Channels {
        match self.0 {}
    }

    pub fn journal(self: &Arc<Self>) -> io::Result<Box<dyn Disk>> {
        match self.0 {}
    }

    pub async fn spend(&self, _: [u8; 32], _: u64) -> Result<(), Close> {
        match self.0 {}
    }

    pub async fn give_back(&self, _: [u8; 32]) {
        match self.0 {}
    }

    pub async fn list_nodes(&self) -> Result<Vec<NodeEntry>, Close> {
        match self.0 {}
    }

    pub fn drain(&self) {
        match self.0 {}
    }

    pub async fn leave(&self) {
        match self.0 {}
    }
}

impl Tenure {
    pub fn incarnation(&self) -> u64 {
        match self.0 {}
    }

    pub fn holds(&self) -> bool {
        match self.0 {}
    }

    pub fn is_lost(&self) -> bool {
        match self.0 {}
    }
}
