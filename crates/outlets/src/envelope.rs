//! Entries as CloudEvents 1.0 in JSON.
//!
//! `source` and `id` together are the key of an entry: whoever gets the same two again got an entry twice.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use tickwire::tap::{Delivery, TapBody, TapEntry};

/// How a message carries an event: as a whole in JSON, which CloudEvents call structured; or its data alone, with the
/// attributes where the protocol has a place for them, which they call binary.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Format {
    #[default]
    Json,
    Binary,
}

/// A CloudEvent.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Envelope {
    specversion: &'static str,
    /// Room, incarnation, tick and index.
    pub id: String,
    /// `/tickwire/GAME` for rooms, `/tickwire` for servers.
    pub source: String,
    /// `tickwire.` and the kind of the entry.
    #[serde(rename = "type")]
    pub kind: String,
    /// The room; absent for entries of the server.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub subject: String,
    /// When the outbox got it; may differ between two that are equal.
    pub time: String,
    datacontenttype: &'static str,
    /// What happened.
    pub data: Value,
}

impl Envelope {
    /// The media type of one event.
    pub const MEDIA_TYPE: &'static str = "application/cloudevents+json; charset=utf-8";
    /// The media type of a list of events.
    pub const BATCH_MEDIA_TYPE: &'static str = "application/cloudevents-batch+json; charset=utf-8";

    /// Wraps an entry.
    pub fn new(delivery: &Delivery) -> Self {
        let TapEntry { key, game, body, .. } = &*delivery.entry;
        let source = if game.is_empty() { "/tickwire".to_owned() } else { format!("/tickwire/{game}") };
        Self {
            specversion: "1.0",
            id: key.to_string(),
            source,
            kind: format!("tickwire.{}", body.kind()),
            subject: key.room.clone(),
            time: rfc3339(delivery.time),
            datacontenttype: "application/json",
            data: data(&delivery.entry),
        }
    }

    /// The media type and the bytes of a message with this event alone.
    pub(crate) fn content(&self, format: Format) -> (&'static str, Vec<u8>) {
        match format {
            Format::Json => (Self::MEDIA_TYPE, self.json()),
            Format::Binary => (self.datacontenttype, self.data.to_string().into_bytes()),
        }
    }

    /// The attributes that stand beside the data in the binary format; none in the other.
    pub(crate) fn attributes(&self, format: Format) -> Vec<(&'static str, &str)> {
        if format == Format::Json {
            return Vec::new();
        }
        let all = [
            ("specversion", self.specversion),
            ("id", &self.id),
            ("source", &self.source),
            ("type", &self.kind),
            ("subject", &self.subject),
            ("time", &self.time),
        ];
        all.into_iter().filter(|(_, value)| !value.is_empty()).collect()
    }

    /// The event as JSON.
    pub fn json(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("an event is JSON")
    }
}

/// The entry as an object: its key, and what happened.
pub fn data(entry: &TapEntry) -> Value {
    let TapEntry { key, game, private, body } = entry;
    let mut data = match body {
        TapBody::NodeUp { node } | TapBody::NodeDraining { node } => return json!({ "node": node }),
        TapBody::PersonForgotten { identity } => return json!({ "identity": identity }),
        TapBody::RoomMade { capacity, properties } => {
            let properties: Map<String, Value> =
                properties.iter().map(|(key, value)| (key.clone(), value.clone().into())).collect();
            json!({ "capacity": capacity, "properties": properties })
        }
        TapBody::RoomResumed { players } => {
            let player = |(seat, name, identity): &(tickwire::Seat, String, Option<String>)| json!({ "seat": seat.0, "name": name, "identity": identity });
            json!({ "players": players.iter().map(player).collect::<Vec<_>>() })
        }
        TapBody::RoomEnded { code, reason } => json!({ "code": code, "reason": reason }),
        TapBody::PlayerJoined { seat, name, identity } => {
            json!({ "seat": seat.0, "name": name, "identity": identity })
        }
        TapBody::PlayerLeft { seat, name, identity, code, reason } => {
            json!({ "seat": seat.0, "name": name, "identity": identity, "code": code, "reason": reason })
        }
        TapBody::Property { key, value } => json!({ "key": key, "value": value }),
        TapBody::GameEvent { name, data } => json!({ "name": name, "event": data }),
        TapBody::Chat { seat, name, identity, text } => {
            json!({ "seat": seat.0, "name": name, "identity": identity, "text": text })
        }
        TapBody::MatchEnded { result } => json!({ "result": result }),
        _ => json!({}),
    };
    let key = json!({
        "room": key.room, "game": game, "private": private,
        "incarnation": key.incarnation, "tick": key.tick, "index": key.index,
    });
    if let (Value::Object(data), Value::Object(key)) = (&mut data, key) {
        data.extend(key);
    }
    data
}

/// Milliseconds since 1970 as RFC 3339 has them.
fn rfc3339(millis: u64) -> String {
    let (days, rest) = (millis / 86_400_000, millis % 86_400_000);
    // Days to a civil date, by Howard Hinnant's algorithm: years begin in March, so that leap days are at their end.
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    let (hours, minutes, seconds) = (rest / 3_600_000, rest / 60_000 % 60, rest / 1000 % 60);
    format!("{year:04}-{month:02}-{day:02}T{hours:02}:{minutes:02}:{seconds:02}.{:03}Z", rest % 1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_those_of_the_calendar() {
        for (millis, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_399_999, "2000-02-28T23:59:59.999Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (1_709_251_200_001, "2024-03-01T00:00:00.001Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
        ] {
            assert_eq!(rfc3339(millis), text);
        }
    }
}
