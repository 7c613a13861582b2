//! A bot for one specific game: joins without a browser and plays as a [`Pilot`] decides.
//!
//! `engine::Client` holds the state of the protocol. For load tests see `swarm` and `bot`.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};
use tokio_tungstenite::tungstenite::{self, Message};

use super::actions::{Outgoing, TooMany};
use super::pilot::Pilot;
use super::socket::{Socket, close_gracefully, connect};
use super::trust::Trust;
use tickwire::engine::cluster::Home;
use tickwire::engine::{Client, ClientError, ClientEvent, Depth};
use tickwire::id::{EntityId, KindId};
use tickwire::tick::{Moment, Tick};
use tickwire::typed::Row;
use tickwire::wire::{Join, Redirect, Welcome};

/// Longest time from connecting to the welcome.
const JOIN_WITHIN: Duration = Duration::from_secs(10);

/// What a pilot sees of the room: the newest state, rebuilt and checked against the server's hashes.
#[derive(Debug)]
pub struct Seen<'a> {
    client: &'a Client,
    welcome: &'a Welcome,
}

impl<'a> Seen<'a> {
    /// What the player of `client` sees; `None` before the room has admitted it. The client must have [`Depth::Full`], as
    /// those of a playtest have.
    pub fn of(client: &'a Client) -> Option<Self> {
        client.welcome().map(|welcome| Self { client, welcome })
    }

    /// Whether a frame has arrived since the welcome.
    pub(super) fn has_state(&self) -> bool {
        self.tick().is_after(self.welcome.tick)
    }

    /// Why the game does not admit `input`.
    pub(super) fn explain(&self, input: &[i32]) -> String {
        let names = self.welcome.inputs.fields().iter().map(|field| field.name.as_str()).collect::<Vec<_>>().join(", ");
        format!(
            "the input {input:?} has another number of values than the game has fields ({names}), or one out of range"
        )
    }

    /// The row of the player's entity in the game's own type. `None` if there is none, or the game has no such kind.
    pub fn own_row<R: Row>(&self) -> Option<R> {
        self.own(self.kind_of::<R>()?).map(R::from_values)
    }

    /// All rows of a kind that the player may see, by zone and id. None if the game has no such kind.
    pub fn rows_of<R: Row>(&self) -> impl Iterator<Item = (EntityId, R)> {
        let rows = self.kind_of::<R>().into_iter().flat_map(|kind| self.rows(kind));
        rows.map(|(id, values)| (id, R::from_values(values)))
    }

    fn kind_of<R: Row>(&self) -> Option<KindId> {
        let kinds = self.welcome.schema.kinds();
        let found = kinds.iter().position(|kind| kind.name == R::NAME)?;
        u8::try_from(found).ok().map(KindId)
    }

    /// The tick of the newest frame.
    pub fn tick(&self) -> Tick {
        self.client.tick()
    }

    /// The room's first message: the schemas, the rate, the player's seat and entity, the properties.
    pub fn welcome(&self) -> &'a Welcome {
        self.welcome
    }

    /// The row of `kind` of the player's entity: values in field order, in quanta. `None` if there is none.
    pub fn own(&self, kind: KindId) -> Option<&'a [i32]> {
        self.row(kind, self.welcome.entity)
    }

    /// One entity's row of `kind`, from the first zone that has one.
    pub fn row(&self, kind: KindId, id: EntityId) -> Option<&'a [i32]> {
        self.client.zones().values().find_map(|zone| zone.find(&self.welcome.schema, kind, id))
    }

    /// All rows of `kind` that the player may see, by zone and id. An entity in several zones appears once for each.
    pub fn rows(&self, kind: KindId) -> impl Iterator<Item = (EntityId, &'a [i32])> {
        let rows = self.client.zones().values().flat_map(|zone| zone.rows(&self.welcome.schema));
        rows.filter(move |row| row.kind == kind).map(|row| (row.id, row.values))
    }
}

/// Why a bot stopped.
#[derive(Debug, thiserror::Error)]
pub enum PlayError {
    /// The connection failed.
    #[error("connection: {0}")]
    Connection(#[from] tungstenite::Error),
    /// No welcome arrived within ten seconds.
    #[error("no welcome within 10 s")]
    Silence,
    /// Servers have sent the bot on too often in a row.
    #[error("too many redirects in a row")]
    Astray,
    /// The server ended the session; see [`Close`](tickwire::Close) for the codes.
    #[error("closed with {code}: {reason}")]
    Closed {
        /// The close code; 1005 if there was none.
        code: u16,
        /// The text of the close frame.
        reason: String,
    },
    /// The server sent a message that is invalid or unexpected.
    #[error("protocol: {0}")]
    Protocol(#[from] ClientError),
    /// The pilot returned an input that the schema does not admit.
    #[error("{0}")]
    Input(String),
    /// The pilot asked for more commands than a session accepts.
    #[error(transparent)]
    TooMany(#[from] TooMany),
}

/// Joins a room as `name` and plays until the pilot leaves, then returns the pilot. `url` is the endpoint, such as
/// `ws://localhost:8080/play`. Needs a tokio runtime with time and I/O; an actix system has one.
///
/// # Errors
/// See [`PlayError`]: the connection failed, the room refused the bot or ended its session, or the pilot returned a bad
/// input.
pub async fn play<P: Pilot>(url: &str, join: Join, name: &str, mut pilot: P) -> Result<P, PlayError> {
    let (start, trust) = (Instant::now(), Trust::default());
    let opened = async {
        let (mut home, mut client) = (Home::new(url), Client::new(Depth::Full));
        let mut socket = connect(home.address(), &trust).await?;
        socket.send(Message::Binary(Client::hello_following(join, name, Vec::new(), 0).into())).await?;
        while client.welcome().is_none() {
            let Some(redirect) = hear(&mut socket, &mut client, &mut pilot).await? else { continue };
            socket = follow(&mut home, &redirect, &trust, client.follow_redirect(&redirect, name, Vec::new())).await?;
        }
        home.arrived();
        Ok::<_, PlayError>((socket, client, home))
    };
    let (mut socket, mut client, mut home) = timeout(JOIN_WITHIN, opened).await.map_err(|_| PlayError::Silence)??;
    let Some(welcome) = client.welcome().cloned() else { return Err(PlayError::Silence) };
    pilot.joined(&welcome);
    let mut outgoing = Outgoing::default();
    let mut beat = interval(Duration::from_secs(1) / u32::from(welcome.rate.per_second()));
    beat.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        tokio::select! {
            heard = hear(&mut socket, &mut client, &mut pilot) => if let Some(redirect) = heard? {
                // The room has moved to another node of the cluster.
                home.arrived();
                let hello = client.follow_redirect(&redirect, name, Vec::new());
                socket = timeout(JOIN_WITHIN, follow(&mut home, &redirect, &trust, hello)).await
                    .map_err(|_| PlayError::Silence)??;
            },
            _ = beat.tick(), if client.tick().is_after(welcome.tick) => {
                let seen = Seen { client: &client, welcome: &welcome };
                let Some(input) = pilot.input(&seen) else { break };
                if !welcome.inputs.admits(&input) {
                    return Err(PlayError::Input(seen.explain(&input)));
                }
                pilot.act(&seen, outgoing.actions());
                client.input(&input);
                outgoing.pass_on(moment(start.elapsed()), &mut client)?;
            }
        }
        while let Some(bytes) = client.poll(moment(start.elapsed())) {
            socket.send(Message::Binary(bytes.into())).await?;
        }
    }
    close_gracefully(&mut socket).await;
    Ok(pilot)
}

/// A connection to the server that `redirect` names, on which `hello` was said.
async fn follow(home: &mut Home, redirect: &Redirect, trust: &Trust, hello: Vec<u8>) -> Result<Socket, PlayError> {
    if !home.follow(&redirect.address) {
        return Err(PlayError::Astray);
    }
    let mut socket = connect(home.address(), trust).await?;
    socket.send(Message::Binary(hello.into())).await?;
    Ok(socket)
}

/// The client's clock starts at one second, so that nothing seems to have been sent at time zero.
fn moment(elapsed: Duration) -> Moment {
    Moment(1_000_000).plus(elapsed)
}

/// Waits for a message and handles it. Returns where the room is, if it is at another server.
async fn hear(socket: &mut Socket, client: &mut Client, pilot: &mut impl Pilot) -> Result<Option<Redirect>, PlayError> {
    let closed = |code, reason: &str| PlayError::Closed { code, reason: reason.to_owned() };
    match socket.next().await {
        Some(Ok(Message::Binary(bytes))) => {
            match client.on_message(&bytes)? {
                ClientEvent::Frame(arrived) => arrived.events.iter().for_each(|event| pilot.event(event)),
                ClientEvent::Redirect(redirect) => return Ok(Some(redirect)),
                ClientEvent::Delivery(news) => news.events.iter().for_each(|event| pilot.event(event)),
                _ => {}
            }
            Ok(None)
        }
        Some(Ok(Message::Close(Some(frame)))) => Err(closed(frame.code.into(), &frame.reason)),
        Some(Ok(Message::Close(None))) | None => Err(closed(1005, "no reason was given")),
        Some(Ok(_)) => Ok(None),
        Some(Err(error)) => Err(error.into()),
    }
}
