//! Kafka: each entry a record whose key is the room, by an idempotent producer.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use rdkafka::client::ClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{DeliveryResult, Header, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer, ProducerContext};
use serde::Deserialize;
use tickwire::tap::{Delivery, Undelivered, Verdict};

use crate::config::{Secret, Target};
use crate::envelope::{Envelope, Format};
use crate::filter::Template;

/// How long brokers may take for a batch, with all that the producer tries again.
const PATIENCE: Duration = Duration::from_secs(10);

/// The settings of a cluster.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KafkaSettings {
    /// Addresses of some brokers, separated by commas.
    brokers: String,
    /// The topic of an entry, which must exist unless the cluster makes topics by itself.
    #[serde(default = "topic")]
    topic: String,
    /// `json`, or `binary`: the attributes of an event as headers.
    #[serde(default)]
    format: Format,
    /// Further properties of librdkafka.
    #[serde(default)]
    options: BTreeMap<String, Secret>,
}

fn topic() -> String {
    "tickwire".to_owned()
}

/// A cluster.
pub struct Kafka {
    config: ClientConfig,
    topic: Template,
    format: Format,
    producer: Option<BaseProducer<Receipts>>,
    receipts: Receipts,
}

/// What became of the records of a batch, by their index.
#[derive(Clone, Default)]
struct Receipts(Arc<Mutex<BTreeMap<usize, Option<KafkaError>>>>);

impl ClientContext for Receipts {}

impl ProducerContext for Receipts {
    type DeliveryOpaque = Box<usize>;

    fn delivery(&self, result: &DeliveryResult<'_>, index: Box<usize>) {
        let error = result.as_ref().err().map(|(error, _)| error.clone());
        self.0.lock().expect("no holder panics").insert(*index, error);
    }
}

impl Kafka {
    /// A cluster that nobody is connected to yet.
    ///
    /// # Errors
    /// A setting is wrong.
    pub fn new(settings: KafkaSettings, node: &str) -> Result<Self, String> {
        let KafkaSettings { brokers, topic, format, options } = settings;
        if brokers.is_empty() {
            return Err("brokers must be such as kafka-1:9092,kafka-2:9092".to_owned());
        }
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", brokers).set("client.id", format!("tickwire-{node}")).set("linger.ms", "5");
        options.iter().for_each(|(key, value)| _ = config.set(key, &value.0));
        // What the promise rests on comes last.
        config.set("enable.idempotence", "true").set("acks", "all");
        config.set("message.timeout.ms", PATIENCE.as_millis().to_string());
        let receipts = Receipts::default();
        let _: BaseProducer<Receipts> =
            config.create_with_context(receipts.clone()).map_err(|error| format!("options: {error}"))?;
        Ok(Self { config, topic: Template::new(&topic, node)?, format, producer: None, receipts })
    }

    fn send(&mut self, deliveries: &[Delivery]) -> Result<(), Undelivered> {
        let away = |delivered, why| Undelivered { delivered, verdict: Verdict::Away, why };
        self.receipts.0.lock().expect("no holder panics").clear();
        let producer = match self.producer.take() {
            Some(producer) => producer,
            None => {
                self.config.create_with_context(self.receipts.clone()).map_err(|error| away(0, error.to_string()))?
            }
        };
        for (index, delivery) in deliveries.iter().enumerate() {
            let topic = self.topic.fill(&delivery.entry, delivery.entry.body.kind());
            let event = Envelope::new(delivery);
            let ((kind, payload), key) = (event.content(self.format), delivery.entry.key.room.as_bytes());
            let headers = OwnedHeaders::new().insert(Header { key: "content-type", value: Some(kind) });
            let headers = event.attributes(self.format).into_iter().fold(headers, |headers, (name, value)| {
                headers.insert(Header { key: &format!("ce_{name}"), value: Some(value) })
            });
            let record = BaseRecord::with_opaque_to(&topic, Box::new(index)).key(key).payload(&payload);
            let queued = producer.send(record.headers(headers));
            if let Err((error, _)) = queued {
                self.receipts.0.lock().expect("no holder panics").insert(index, Some(error));
                break;
            }
        }
        let flushed = producer.flush(PATIENCE + Duration::from_secs(2));
        let receipts = self.receipts.0.lock().expect("no holder panics");
        let arrived = (0..deliveries.len()).take_while(|index| matches!(receipts.get(index), Some(None))).count();
        if arrived == deliveries.len() {
            drop(receipts);
            self.producer = Some(producer);
            return Ok(());
        }
        // A new producer, so that nothing of this one can arrive late and out of order.
        let error = receipts.get(&arrived).cloned().flatten().or(flushed.err());
        let why = error.as_ref().map_or_else(|| "the cluster does not answer".to_owned(), ToString::to_string);
        let verdict = match error.and_then(|error| error.rdkafka_error_code()) {
            Some(RDKafkaErrorCode::MessageSizeTooLarge | RDKafkaErrorCode::InvalidRecord) => Verdict::Refused,
            _ => Verdict::Away,
        };
        Err(Undelivered { delivered: arrived, verdict, why })
    }
}

impl Target for Kafka {
    fn deliver(&mut self, deliveries: &[Delivery]) -> Result<(), Undelivered> {
        self.send(deliveries)
    }

    fn probe(&mut self) -> Result<String, String> {
        let producer: BaseProducer<Receipts> =
            self.config.create_with_context(self.receipts.clone()).map_err(|error| error.to_string())?;
        let found = producer.client().fetch_metadata(None, PATIENCE).map_err(|error| error.to_string())?;
        let brokers = found.brokers().len();
        Ok(format!("the acknowledgement of all replicas in sync is its promise; {brokers} brokers"))
    }
}
