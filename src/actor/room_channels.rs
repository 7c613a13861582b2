//! A room's part in channels: what it listens to, who is present by it, and what waits for its next tick.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use parking_lot::Mutex;
use tracing::debug;

use super::room::RoomActor;
use crate::cluster::{Channels, Following};
use crate::engine::channels::{ChannelEvent, Presence};
use crate::game::{ChannelEffect, ChannelNews};
use crate::wire::limits;

/// What the names of these channels begin with among those of the server.
const PREFIX: &str = "room/";

/// The channels of one room.
pub struct RoomChannels {
    channels: Channels,
    waiting: Arc<Mutex<WaitingNews>>,
    following: BTreeMap<String, Following>,
    present: BTreeSet<(String, String)>,
}

/// What waits for the room's next tick.
#[derive(Default)]
struct WaitingNews {
    news: VecDeque<ChannelNews>,
    /// Whether something is lost, so that who is present must be told anew.
    has_missed: bool,
}

impl RoomChannels {
    /// Those of a room that uses none.
    pub fn new(channels: Channels) -> Self {
        let (waiting, following, present) = Default::default();
        Self { channels, waiting, following, present }
    }

    /// Does what the game has asked for.
    pub fn follow(&mut self, effect: ChannelEffect) {
        let full = |channel: &str| [PREFIX, channel].concat();
        match effect {
            ChannelEffect::Publish { channel, body } => {
                if let Err(why) = self.channels.publish_soon(&full(&channel), &body) {
                    debug!(%why, "a message of a room is lost");
                }
            }
            ChannelEffect::Listen { channel } => self.listen(channel),
            ChannelEffect::Ignore { channel } => {
                self.following.remove(&channel);
                if self.following.is_empty() {
                    *self.waiting.lock() = WaitingNews::default();
                }
            }
            ChannelEffect::Join { channel, member, info } => {
                let joined = self.channels.enter(&full(&channel), &member, &info);
                if joined.is_ok() {
                    self.present.insert((channel, member));
                }
            }
            ChannelEffect::Leave { channel, member } => {
                if self.present.remove(&(channel.clone(), member.clone())) {
                    self.channels.leave(&full(&channel), &member);
                }
            }
        }
    }

    fn listen(&mut self, channel: String) {
        let (waiting, name) = (self.waiting.clone(), channel.clone());
        let full = [PREFIX, &channel].concat();
        let present = |all: Vec<Presence>| {
            let members = all.into_iter().take(limits::CHANNEL_NEWS_MEMBERS).map(|one| (one.member, one.info));
            let news = ChannelNews::Present { channel: channel.clone(), members: members.collect() };
            self.waiting.lock().news.push_back(news);
        };
        let following = self.channels.follow(&full, present, move |event| {
            let mut waiting = waiting.lock();
            match news_of(&name, event) {
                Some(_) if waiting.news.len() >= limits::CHANNEL_NEWS_WAITING => waiting.has_missed = true,
                Some(news) => waiting.news.push_back(news),
                None => waiting.has_missed |= *event == ChannelEvent::Missed,
            }
        });
        self.following.insert(channel, following);
    }

    /// What the room hears at this tick.
    fn take_news(&mut self) -> Vec<ChannelNews> {
        if self.following.is_empty() {
            return Vec::new();
        }
        let has_missed = std::mem::take(&mut self.waiting.lock().has_missed);
        if has_missed {
            self.waiting.lock().news.push_back(ChannelNews::Missed);
            self.listen_again();
        }
        let mut waiting = self.waiting.lock();
        let count = waiting.news.len().min(limits::CHANNEL_NEWS_PER_TICK);
        waiting.news.drain(..count).collect()
    }

    fn listen_again(&mut self) {
        let names: Vec<String> = self.following.keys().cloned().collect();
        self.following.clear();
        names.into_iter().for_each(|channel| self.listen(channel));
    }

    /// The room goes on in this process with what it has asked for elsewhere.
    fn resume(&mut self, effects: Vec<ChannelEffect>) {
        let listens = effects.iter().any(|effect| matches!(effect, ChannelEffect::Listen { .. }));
        self.waiting.lock().news.extend(listens.then_some(ChannelNews::Missed));
        effects.into_iter().for_each(|effect| self.follow(effect));
    }

    /// The room has ended.
    fn end(&mut self) {
        self.following.clear();
        for (channel, member) in std::mem::take(&mut self.present) {
            self.channels.leave(&[PREFIX, &channel].concat(), &member);
        }
    }
}

fn news_of(name: &str, event: &ChannelEvent) -> Option<ChannelNews> {
    let channel = name.to_owned();
    match event {
        ChannelEvent::Message { body, .. } => Some(ChannelNews::Message { channel, body: body.clone() }),
        ChannelEvent::Presence { presence: Presence { member, info, .. }, before: 0, .. } => {
            Some(ChannelNews::Joined { channel, member: member.clone(), info: info.clone() })
        }
        ChannelEvent::Presence { presence: Presence { member, count: 0, .. }, .. } => {
            Some(ChannelNews::Left { channel, member: member.clone() })
        }
        ChannelEvent::Presence { .. } | ChannelEvent::Missed => None,
    }
}

impl RoomActor {
    pub(super) fn resume_channels(&mut self) {
        let Some(host) = &self.host else { return };
        let effects: Vec<_> = host.room().channels().collect();
        if !effects.is_empty() {
            self.files.channels.resume(effects);
        }
    }

    pub(super) fn collect_channel_news(&mut self) {
        let news = self.files.channels.take_news();
        let Some(host) = &mut self.host else { return };
        news.into_iter().for_each(|news| host.channel_news(news));
    }

    pub(super) fn leave_channels(&mut self) {
        self.files.channels.end();
    }
}
