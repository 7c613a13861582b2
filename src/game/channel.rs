//! Channels between rooms, as games use them: what a game tells there, what it hears, and what its room remembers of both.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::context::Context;
use super::effect::Effect;
use crate::tick::{Tick, TickRate};
use crate::wire::limits;

/// What a room hears of a channel that it [listens](Context::listen) to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ChannelNews {
    /// Who is present, as the first thing that the room hears, and anew after it was away or messages were lost. Further ones than
    /// [`limits::CHANNEL_NEWS_MEMBERS`] are left out.
    Present {
        /// The channel.
        channel: String,
        /// Members by id, each with what there is to know.
        members: Vec<(String, String)>,
    },
    /// A message, also the room's own.
    Message {
        /// The channel.
        channel: String,
        /// What was published: another game or another version of this one may have done so.
        body: String,
    },
    /// A member is present who was not, in any room at any node.
    Joined {
        /// The channel.
        channel: String,
        /// The member's id.
        member: String,
        /// What there is to know of the member.
        info: String,
    },
    /// A member is not present any more, in no room at no node.
    Left {
        /// The channel.
        channel: String,
        /// The member's id.
        member: String,
    },
    /// Messages of the channels that the room listens to may be lost: it was away, or there were too many. [`Self::Present`] follows for
    /// each of the channels.
    Missed,
}

/// A request that concerns a channel.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "each variant's text describes its fields")]
pub enum ChannelEffect {
    /// Tells a message to all rooms that listen.
    Publish { channel: String, body: String },
    /// The room listens from now on.
    Listen { channel: String },
    /// The room does not listen any more.
    Ignore { channel: String },
    /// A member is present by this room.
    Join { channel: String, member: String, info: String },
    /// The member is not any more.
    Leave { channel: String, member: String },
}

/// What a room remembers of channels: it goes on with that when it is restored.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RoomChannels {
    listens: BTreeSet<String>,
    /// By channel, ids and what there is to know.
    members: BTreeMap<String, BTreeMap<String, String>>,
    /// Messages within the second that began at this tick.
    since: Tick,
    published: u32,
}

impl RoomChannels {
    /// Whether there is nothing to remember.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// What would lead from no channels to these.
    pub fn effects(&self) -> impl Iterator<Item = ChannelEffect> {
        let listens = self.listens.iter().map(|channel| ChannelEffect::Listen { channel: channel.clone() });
        let members = self.members.iter().flat_map(|(channel, members)| {
            members.iter().map(move |(member, info)| {
                let (channel, member, info) = (channel.clone(), member.clone(), info.clone());
                ChannelEffect::Join { channel, member, info }
            })
        });
        listens.chain(members)
    }

    fn may_publish(&mut self, tick: Tick, rate: TickRate) -> bool {
        if tick.0.wrapping_sub(self.since.0) >= u32::from(rate.per_second()) {
            (self.since, self.published) = (tick, 0);
        }
        let may = self.published < limits::CHANNEL_MESSAGES_PER_SECOND;
        self.published += u32::from(may);
        may
    }
}

fn check_name(channel: &str) {
    let fits = (1..=limits::TEXT).contains(&channel.len()) && !channel.chars().any(char::is_control);
    assert!(fits, "{channel:?} is no name of a channel: 1 to {} bytes without control characters", limits::TEXT);
}

impl Context {
    /// Tells a message to all rooms that [listen](Self::listen) to the channel, of any game, at any node of a cluster, this room
    /// included. They hear it in one order everywhere, some ticks later. Returns whether the message is told: a room may publish
    /// [`limits::CHANNEL_MESSAGES_PER_SECOND`] messages per second. It is lost when its server fails at that moment, and while Redis is away
    /// for long.
    ///
    /// # Panics
    /// When `channel` is empty, longer than [`limits::TEXT`] bytes or has control characters, or `body` is longer than [`limits::BODY`] bytes.
    pub fn publish(&mut self, channel: &str, body: &str) -> bool {
        check_name(channel);
        assert!(body.len() <= limits::BODY, "a message of {} bytes for the channel {channel:?}", body.len());
        let (tick, rate) = (self.tick(), self.rate());
        let may = self.channels_mut().may_publish(tick, rate);
        if may {
            self.request(ChannelEffect::Publish { channel: channel.to_owned(), body: body.to_owned() });
        }
        may
    }

    /// Listens to a channel: [`Game::channel_news`](super::Game::channel_news) is called with who is present, and then with whatever
    /// happens, also after the room was stored, moved or recovered.
    ///
    /// # Panics
    /// When `channel` is no name of one, as in [`Self::publish`], or the room listens to more than [`limits::CHANNELS_PER_ROOM`].
    pub fn listen(&mut self, channel: &str) {
        check_name(channel);
        let listens = &mut self.channels_mut().listens;
        if listens.insert(channel.to_owned()) {
            let most = limits::CHANNELS_PER_ROOM;
            assert!(listens.len() <= most, "the room listens to more than {most} channels: {channel:?}");
            self.request(ChannelEffect::Listen { channel: channel.to_owned() });
        }
    }

    /// Does not listen to a channel any more. What has happened there before may still be told.
    pub fn ignore(&mut self, channel: &str) {
        if self.channels_mut().listens.remove(channel) {
            self.request(ChannelEffect::Ignore { channel: channel.to_owned() });
        }
    }

    /// A member is present in a channel by this room, until [`Self::leave_channel`], or the room ends or sleeps. For all rooms at all nodes, a
    /// member who is present by several of them is one. `member` is usually an [identity](super::Player::identity); `info` is what others
    /// are told of the member, and cannot be changed while the member is present.
    ///
    /// # Panics
    /// When `channel` is no name of one, as in [`Self::publish`]; when `member` is empty or longer than [`limits::CHANNEL_MEMBER`] bytes or
    /// `info` than [`limits::CHANNEL_INFO`]; or when more than [`limits::CHANNEL_MEMBERS_PER_ROOM`] are present by the room.
    pub fn join_channel(&mut self, channel: &str, member: &str, info: &str) {
        check_name(channel);
        assert!((1..=limits::CHANNEL_MEMBER).contains(&member.len()), "a member's id of {} bytes", member.len());
        assert!(info.len() <= limits::CHANNEL_INFO, "{} bytes to know of the member {member:?}", info.len());
        let members = &mut self.channels_mut().members;
        let count: usize = members.values().map(BTreeMap::len).sum();
        let of_channel = members.entry(channel.to_owned()).or_default();
        if of_channel.contains_key(member) {
            return;
        }
        let most = limits::CHANNEL_MEMBERS_PER_ROOM;
        assert!(count < most, "more than {most} members of channels by one room: {member:?}");
        of_channel.insert(member.to_owned(), info.to_owned());
        let (channel, member, info) = (channel.to_owned(), member.to_owned(), info.to_owned());
        self.request(ChannelEffect::Join { channel, member, info });
    }

    /// A member is not present in a channel by this room any more.
    pub fn leave_channel(&mut self, channel: &str, member: &str) {
        let members = &mut self.channels_mut().members;
        let Some(of_channel) = members.get_mut(channel) else { return };
        let was_there = of_channel.remove(member).is_some();
        if of_channel.is_empty() {
            members.remove(channel);
        }
        if was_there {
            self.request(ChannelEffect::Leave { channel: channel.to_owned(), member: member.to_owned() });
        }
    }

    fn request(&mut self, effect: ChannelEffect) {
        self.push_effect(Effect::Channel(effect));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn effects(cx: &mut Context) -> Vec<ChannelEffect> {
        let of_channels = |effect| match effect {
            Effect::Channel(effect) => Some(effect),
            _ => None,
        };
        cx.take_effects().into_iter().filter_map(of_channels).collect()
    }

    #[test]
    fn a_room_publishes_so_much_per_second_and_no_more() {
        let rate = TickRate::new(20).expect("a valid rate");
        let mut cx = Context::new(rate, 1);
        let mut told = Vec::new();
        for tick in 0..60 {
            cx.set_tick(Tick(u32::MAX - 30).plus(tick));
            told.extend((0..3).filter(|_| cx.publish("lobby", "hello")).map(|_| tick));
        }
        let most = limits::CHANNEL_MESSAGES_PER_SECOND as usize;
        assert_eq!((told.len(), effects(&mut cx).len()), (3 * most, 3 * most));
        assert_eq!((told[most - 1], told[most]), (6, 20), "a second has 20 ticks");
    }

    #[test]
    fn what_a_room_remembers_leads_to_what_it_has_asked_for() {
        let mut cx = Context::new(TickRate::new(20).expect("a valid rate"), 1);
        cx.listen("lobby");
        cx.listen("lobby");
        cx.join_channel("lobby", "ada", "{}");
        cx.join_channel("lobby", "ada", "other");
        cx.join_channel("party", "ada", "");
        let asked = effects(&mut cx);
        assert_eq!(asked.len(), 3, "what is so already is not asked for again");
        assert_eq!(cx.channels().effects().collect::<Vec<_>>(), asked);
        cx.leave_channel("party", "ada");
        cx.leave_channel("party", "bob");
        cx.ignore("lobby");
        assert_eq!(effects(&mut cx).len(), 2);
        let left = ChannelEffect::Join { channel: "lobby".into(), member: "ada".into(), info: "{}".into() };
        assert_eq!(cx.channels().effects().collect::<Vec<_>>(), [left]);
        cx.leave_channel("lobby", "ada");
        assert!(cx.channels().is_empty());
    }
}
