//! MQTT 5: each entry a message with QoS 1, the state of each room as a retained message, and a last will of the server.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Duration;

use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{LastWill, Packet, PubAckReason, PublishProperties};
use rumqttc::v5::{Client, Connection, Event, MqttOptions};
use rumqttc::{Outgoing, TlsConfiguration, Transport};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use serde::Deserialize;
use serde_json::json;
use tickwire::tap::{Delivery, TapBody, Undelivered, Verdict};

use crate::config::{Secret, Target, read_file};
use crate::envelope::{Envelope, Format};
use crate::filter::{Filter, Template};

/// How long the broker may take to acknowledge a batch.
const PATIENCE: Duration = Duration::from_secs(10);
/// Messages that may wait for the connection: an entry and a state for each of a batch, and a greeting.
const WAITING: usize = 1024;

/// The settings of a broker.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MqttSettings {
    host: String,
    port: Option<u16>,
    #[serde(default)]
    username: String,
    #[serde(default)]
    password: Secret,
    #[serde(default)]
    tls: bool,
    /// Certificates in PEM to trust instead of the system's.
    ca: Option<PathBuf>,
    /// The topic of an entry.
    #[serde(default = "topic")]
    topic: String,
    /// `json`, or `binary`: the attributes of an event as user properties.
    #[serde(default)]
    format: Format,
    /// The topic of a room's state, which is retained; empty for none.
    #[serde(default = "state_topic")]
    state_topic: String,
    /// The topic of `online` or `offline`, which is retained; empty for none.
    #[serde(default = "status_topic")]
    status_topic: String,
}

fn topic() -> String {
    "tickwire/{game}/{room}/{kind}".to_owned()
}

fn state_topic() -> String {
    "tickwire/{game}/{room}/state".to_owned()
}

fn status_topic() -> String {
    "tickwire/nodes/{node}/status".to_owned()
}

/// A broker.
pub struct Mqtt {
    options: MqttOptions,
    topic: Template,
    state_topic: Option<Template>,
    status_topic: Option<String>,
    format: Format,
    filter: Filter,
    rooms: BTreeMap<String, RoomState>,
    link: Option<Link>,
}

/// What is retained of a room: its players by seat.
#[derive(Default)]
struct RoomState {
    players: BTreeMap<u16, String>,
}

/// What is published.
struct Message {
    topic: String,
    payload: Vec<u8>,
    retain: bool,
    properties: PublishProperties,
}

/// A connection, which a thread of its own keeps alive.
struct Link {
    client: Client,
    acks: Receiver<Ack>,
}

enum Ack {
    Connected,
    Published(Result<(), String>),
    Broken(String),
}

impl Mqtt {
    /// A broker that nobody is connected to yet. The last will goes to the same client id, `tickwire-NODE-NAME`.
    ///
    /// # Errors
    /// A setting is wrong.
    pub fn new(name: &str, settings: MqttSettings, node: &str, filter: Filter) -> Result<Self, String> {
        let MqttSettings { host, port, username, password, tls, ca, topic, format, state_topic, status_topic } =
            settings;
        let port = port.unwrap_or(if tls { 8883 } else { 1883 });
        let mut options = MqttOptions::new(format!("tickwire-{node}-{name}"), host, port);
        options.set_keep_alive(Duration::from_secs(10)).set_clean_start(true).set_connection_timeout(5);
        options.set_max_packet_size(Some(1 << 20));
        if !username.is_empty() {
            options.set_credentials(username, password.0);
        }
        if tls {
            let roots = Arc::new(client_config(ca.as_ref())?);
            options.set_transport(Transport::Tls(TlsConfiguration::Rustls(roots)));
        } else if ca.is_some() {
            return Err("ca is set and tls is not".to_owned());
        }
        let template = |text: &str| if text.is_empty() { Ok(None) } else { Template::new(text, node).map(Some) };
        let status_topic = Some(status_topic.replace("{node}", node)).filter(|topic| !topic.is_empty());
        if let Some(topic) = &status_topic {
            options.set_last_will(LastWill::new(topic, "offline", QoS::AtLeastOnce, true, None));
        }
        let (topic, state_topic) = (Template::new(&topic, node)?, template(&state_topic)?);
        Ok(Self { options, topic, state_topic, status_topic, format, filter, rooms: BTreeMap::new(), link: None })
    }

    /// The connection, which is made if there is none.
    fn link(&mut self) -> Result<&Link, String> {
        if self.link.as_ref().is_some_and(Link::is_broken) {
            self.link = None;
        }
        let link = match self.link.take() {
            Some(link) => link,
            None => self.connect()?,
        };
        Ok(self.link.insert(link))
    }

    fn connect(&self) -> Result<Link, String> {
        let (client, connection) = Client::new(self.options.clone(), WAITING);
        let (told, acks) = channel();
        let watched = thread::Builder::new().name("mqtt".to_owned()).spawn(move || keep_alive(connection, &told));
        watched.map_err(|error| error.to_string())?;
        let link = Link { client, acks };
        match link.acks.recv_timeout(PATIENCE) {
            Ok(Ack::Connected) => {}
            Ok(Ack::Broken(why)) => return Err(why),
            Ok(Ack::Published(_)) | Err(_) => return Err("the broker does not answer".to_owned()),
        }
        if let Some(topic) = &self.status_topic {
            link.publish(Message::status(topic, "online")).and_then(|()| link.await_ack())?;
        }
        Ok(link)
    }

    /// The messages of an entry: itself, and the state of its room if that has changed.
    fn messages(&mut self, delivery: &Delivery) -> Vec<Message> {
        let mut messages = Vec::new();
        let entry = &delivery.entry;
        if self.filter.admits(entry) {
            messages.push(Message::event(self.topic.fill(entry, entry.body.kind()), delivery, self.format));
        }
        let is_followed = !entry.private && !entry.key.room.is_empty();
        if let Some(topic) = self.state_topic.as_ref().filter(|_| is_followed) {
            let room = self.rooms.entry(entry.key.room.clone()).or_default();
            let payload = room.after(&entry.body);
            if let Some(payload) = payload {
                if payload.is_empty() {
                    self.rooms.remove(&entry.key.room);
                }
                messages.push(Message::state(topic.fill(entry, "state"), payload));
            }
        }
        messages
    }

    fn send(&mut self, deliveries: &[Delivery]) -> Result<(), Undelivered> {
        let away = |delivered, why| Undelivered { delivered, verdict: Verdict::Away, why };
        let messages: Vec<_> = deliveries.iter().map(|delivery| self.messages(delivery)).collect();
        let counts: Vec<usize> = messages.iter().map(Vec::len).collect();
        let link = self.link().map_err(|why| away(0, why))?;
        for message in messages.into_iter().flatten() {
            link.publish(message).map_err(|why| away(0, why))?;
        }
        for (delivered, count) in counts.into_iter().enumerate() {
            for _ in 0..count {
                link.await_ack().map_err(|why| away(delivered, why))?;
            }
        }
        Ok(())
    }
}

impl Message {
    fn event(topic: String, delivery: &Delivery, format: Format) -> Self {
        let event = Envelope::new(delivery);
        let (kind, payload) = event.content(format);
        let attributes = event.attributes(format).into_iter();
        let user_properties = attributes.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let content_type = Some(kind.to_owned());
        let properties = PublishProperties { content_type, user_properties, ..PublishProperties::default() };
        Self { topic, payload, retain: false, properties }
    }

    fn state(topic: String, payload: Vec<u8>) -> Self {
        let content_type = Some("application/json".to_owned());
        let properties = PublishProperties { content_type, ..PublishProperties::default() };
        Self { topic, payload, retain: true, properties }
    }

    fn status(topic: &str, status: &str) -> Self {
        let properties = PublishProperties::default();
        Self { topic: topic.to_owned(), payload: status.into(), retain: true, properties }
    }
}

impl RoomState {
    /// The payload of the state after something happened; empty when the room is gone, `None` when nothing has changed.
    fn after(&mut self, body: &TapBody) -> Option<Vec<u8>> {
        match body {
            TapBody::RoomMade { .. } => self.players.clear(),
            TapBody::RoomResumed { players } => {
                self.players = players.iter().map(|(seat, name, _)| (seat.0, name.clone())).collect();
            }
            TapBody::PlayerJoined { seat, name, .. } => _ = self.players.insert(seat.0, name.clone()),
            TapBody::PlayerLeft { seat, .. } => _ = self.players.remove(&seat.0),
            TapBody::RoomEnded { .. } | TapBody::RoomStored => return Some(Vec::new()),
            _ => return None,
        }
        let players: Vec<_> = self.players.iter().map(|(seat, name)| json!({ "seat": seat, "name": name })).collect();
        Some(json!({ "players": players }).to_string().into_bytes())
    }
}

impl Target for Mqtt {
    fn deliver(&mut self, deliveries: &[Delivery]) -> Result<(), Undelivered> {
        self.send(deliveries).inspect_err(|_| self.link = None)
    }

    fn probe(&mut self) -> Result<String, String> {
        // Another client with the same id would end the server's connection.
        let id = format!("{}-doctor", self.options.client_id());
        let mut options = self.options.clone();
        options.set_client_id(id);
        let probe = Self {
            options,
            status_topic: None,
            topic: self.topic.clone(),
            state_topic: None,
            format: self.format,
            filter: Filter::default(),
            rooms: BTreeMap::new(),
            link: None,
        };
        let link = probe.connect()?;
        let _ = link.client.try_disconnect();
        Ok("a PUBACK is its promise, which most brokers give before they have written anything".to_owned())
    }

    fn stop(&mut self) {
        if let (Some(link), Some(topic)) = (&self.link, &self.status_topic) {
            let _ = link.publish(Message::status(topic, "offline")).and_then(|()| link.await_ack());
            let _ = link.client.try_disconnect();
        }
    }

    fn follows_rooms(&self) -> bool {
        self.state_topic.is_some()
    }
}

impl Link {
    fn publish(&self, message: Message) -> Result<(), String> {
        let Message { topic, payload, retain, properties } = message;
        self.client
            .try_publish_with_properties(topic, QoS::AtLeastOnce, retain, payload, properties)
            .map_err(|_| "too many messages wait for the broker".to_owned())
    }

    /// Waits until the oldest message is acknowledged. A broker acknowledges in order.
    fn await_ack(&self) -> Result<(), String> {
        match self.acks.recv_timeout(PATIENCE) {
            Ok(Ack::Published(result)) => result,
            Ok(Ack::Broken(why)) => Err(why),
            Ok(Ack::Connected) => Err("the connection was lost".to_owned()),
            Err(_) => Err("the broker does not acknowledge".to_owned()),
        }
    }

    /// Whether the connection broke while nobody used it.
    fn is_broken(&self) -> bool {
        self.acks.try_recv().is_ok()
    }
}

/// Moves bytes until the connection breaks or is not needed any more.
fn keep_alive(mut connection: Connection, told: &Sender<Ack>) {
    for event in connection.iter() {
        let ack = match event {
            Ok(Event::Incoming(Packet::ConnAck(_))) => Ack::Connected,
            Ok(Event::Incoming(Packet::PubAck(ack))) => Ack::Published(match ack.reason {
                PubAckReason::Success | PubAckReason::NoMatchingSubscribers => Ok(()),
                reason => Err(format!("the broker refuses a message: {reason:?}")),
            }),
            Ok(Event::Incoming(Packet::Disconnect(why))) => Ack::Broken(format!("{:?}", why.reason_code)),
            Ok(Event::Outgoing(Outgoing::Disconnect)) => return,
            Ok(_) => continue,
            Err(error) => Ack::Broken(error.to_string()),
        };
        let is_broken = matches!(ack, Ack::Broken(_));
        // Nobody is left who would send.
        if told.send(ack).is_err() || is_broken {
            return;
        }
    }
}

fn client_config(ca: Option<&PathBuf>) -> Result<ClientConfig, String> {
    let mut roots = RootCertStore::empty();
    match ca {
        Some(path) => {
            for certificate in CertificateDer::pem_slice_iter(&read_file("ca", path)?) {
                let certificate = certificate.map_err(|error| format!("ca: {}: {error}", path.display()))?;
                roots.add(certificate).map_err(|error| format!("ca: {}: {error}", path.display()))?;
            }
        }
        None => _ = roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs),
    }
    if roots.is_empty() {
        return Err("ca: there is no certificate to trust".to_owned());
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = builder.map_err(|error| error.to_string())?.with_root_certificates(roots).with_no_client_auth();
    Ok(config)
}
