//! What pilots ask for besides inputs: commands, calls and chat, passed on no faster than a session accepts them.

use std::collections::VecDeque;
use std::time::Duration;

use tickwire::engine::Client;
use tickwire::id::Seat;
use tickwire::tick::Moment;
use tickwire::typed::Message;

/// What a pilot asks for besides inputs. The methods have the names of those of a playtest's
/// [`Player`](tickwire::testing::Player).
#[derive(Debug, Default)]
pub struct Actions(VecDeque<Action>);

#[derive(Debug)]
enum Action {
    Command { kind: u16, body: Vec<u8> },
    Call { kind: u16, body: Vec<u8> },
    Chat { to: Vec<Seat>, text: String },
}

impl Actions {
    /// Sends a command.
    pub fn command(&mut self, kind: u16, body: &[u8]) {
        self.0.push_back(Action::Command { kind, body: body.to_vec() });
    }

    /// Sends a call; the reply arrives as an event.
    pub fn call(&mut self, kind: u16, body: &[u8]) {
        self.0.push_back(Action::Call { kind, body: body.to_vec() });
    }

    /// Sends a chat line to the players in `to`, or to everyone when `to` is empty.
    pub fn chat(&mut self, to: &[Seat], text: &str) {
        self.0.push_back(Action::Chat { to: to.to_vec(), text: text.to_owned() });
    }

    /// As [`Self::command`], with a command of the game's own type.
    pub fn send<M: Message>(&mut self, command: &M) {
        self.command(command.kind(), &command.to_body());
    }

    /// As [`Self::call`], with a command of the game's own type.
    pub fn ask<M: Message>(&mut self, call: &M) {
        self.call(call.kind(), &call.to_body());
    }
}

/// Passes actions on to a client. A client panics when too many commands wait for the server, so they wait here.
#[derive(Debug, Default)]
pub struct Outgoing {
    actions: Actions,
    /// When the next one may be passed on.
    ready: Moment,
}

/// A pilot has asked for far more commands than a session accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{MOST} commands and chat lines wait: a session accepts about twelve commands per second, and a line per 0.7 s"
)]
pub struct TooMany;

/// Most actions that wait.
const MOST: usize = 100;
/// Longer than a client waits between two commands, so that none piles up there.
const COMMAND_EVERY: Duration = Duration::from_millis(80);
/// The same for chat.
const CHAT_EVERY: Duration = Duration::from_millis(700);

impl Outgoing {
    /// What waits; a pilot adds to it.
    pub fn actions(&mut self) -> &mut Actions {
        &mut self.actions
    }

    /// Gives the client what may be sent now. Call it once per tick.
    ///
    /// # Errors
    /// More wait than [`TooMany`] says.
    pub fn pass_on(&mut self, now: Moment, client: &mut Client) -> Result<(), TooMany> {
        if self.ready <= now
            && let Some(action) = self.actions.0.pop_front()
        {
            let pause = if matches!(action, Action::Chat { .. }) { CHAT_EVERY } else { COMMAND_EVERY };
            self.ready = now.plus(pause);
            match action {
                Action::Command { kind, body } => client.command(kind, &body),
                Action::Call { kind, body } => client.call(kind, &body),
                Action::Chat { to, text } => client.chat(&to, &text),
            };
        }
        if self.actions.0.len() > MOST { Err(TooMany) } else { Ok(()) }
    }
}
