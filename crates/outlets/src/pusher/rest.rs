//! What servers ask of an app of the Pusher protocol, signed.

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use actix_web::http::StatusCode;
use actix_web::web::{self, Bytes, Data, Path};
use actix_web::{HttpRequest, HttpResponse, ResponseError, Scope};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use tickwire::server::{NotTaken, ServerEvents};

use super::broadcast::{self, TO_USER};
use super::channel::Kind;
use super::hub::{DATA, USER_ID};
use super::rooms::room_of;
use super::{App, Pusher};

/// Most bytes of a request: a batch of ten events and what surrounds them.
const BODY: usize = 256 * 1024;
/// Most channels of an event.
const CHANNELS: usize = 100;
/// Most events of a batch.
const BATCH: usize = 10;

/// The routes below `apps/{id}`.
pub fn routes() -> Scope {
    web::scope("/apps/{id}")
        .app_data(web::PayloadConfig::new(BODY))
        .route("/events", web::post().to(events))
        .route("/batch_events", web::post().to(batch_events))
        .route("/channels", web::get().to(channels))
        .route("/channels/{name}", web::get().to(channel))
        .route("/channels/{name}/users", web::get().to(users))
        .route("/users/{user}/terminate_connections", web::post().to(terminate))
}

#[derive(Deserialize)]
struct Event {
    name: String,
    data: String,
    channel: Option<String>,
    #[serde(default)]
    channels: Vec<String>,
    socket_id: Option<String>,
    #[serde(default)]
    info: String,
}

#[derive(Deserialize)]
struct Batch {
    batch: Vec<Event>,
}

type Answer = Result<HttpResponse, Refused>;

/// Why a request is refused: a status, and a line for people.
#[derive(Debug)]
struct Refused(u16, String);

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.1)
    }
}

impl ResponseError for Refused {
    fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.0).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn error_response(&self) -> HttpResponse {
        HttpResponse::build(self.status_code()).content_type("text/plain; charset=utf-8").body(format!("{self}\n"))
    }
}

fn error(status: u16, why: &str) -> Refused {
    Refused(status, why.to_owned())
}

/// The app, if the request is signed by it.
fn authorized(request: &HttpRequest, body: &[u8], pusher: &Pusher) -> Result<Arc<App>, Refused> {
    let app = pusher.with_id(request.match_info().get("id").unwrap_or_default());
    let app = app.ok_or_else(|| error(404, "there is no app with this id"))?;
    let path = format!("{}{}", app.settings.path, request.uri().path());
    let checked =
        app.act(|hub| hub.signer().check(request.method().as_str(), &path, request.query_string(), body, now()));
    checked.map_err(|why| error(401, why))?;
    Ok(app)
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Refused> {
    serde_json::from_slice(body).map_err(|why| error(400, &format!("the body: {why}")))
}

impl Event {
    fn check(&self) -> Result<(), Refused> {
        if self.name.is_empty() || self.name.len() > 200 {
            return Err(error(400, "name must have 1 to 200 bytes"));
        }
        if self.data.len() > DATA {
            return Err(error(413, "data must have at most 10240 bytes"));
        }
        let (most, all) = (CHANNELS, self.all());
        if all.is_empty() || all.len() > most {
            return Err(error(400, &format!("channels must be 1 to {most}")));
        }
        let is_user = |name: &str| name.strip_prefix(TO_USER).is_some_and(is_user_id);
        if let Some(name) = all.iter().find(|name| Kind::of(name).is_none() && !is_user(name)) {
            return Err(error(400, &format!("{name:?} is no name of a channel")));
        }
        let encrypted = |name: &&&str| Kind::of(name).is_some_and(|kind| kind.encrypted);
        if all.len() > 1 && all.iter().any(|name| encrypted(&name)) {
            return Err(error(400, "an event for an encrypted channel is for one channel"));
        }
        Ok(())
    }

    /// The room that the event is for: its channel is one of a room.
    fn room(&self, app: &App) -> Option<&str> {
        self.all().into_iter().filter(|_| app.settings.rooms).find_map(room_of)
    }

    fn all(&self) -> Vec<&str> {
        self.channels.iter().chain(&self.channel).map(String::as_str).collect()
    }

    /// Sends it. Returns what was asked of its channels.
    async fn send(&self, app: &App) -> Result<Map<String, Value>, Refused> {
        let mut figures = Map::new();
        for name in self.all() {
            let body = broadcast::event(name, &self.name, &self.data, self.socket_id.as_deref());
            app.publish(name, &body).await.map_err(|why| error(503, &why.to_string()))?;
            if !self.info.is_empty() {
                let mut found = app.act(|hub| hub.describe(name, &self.info));
                found.as_object_mut().map(|found| found.remove("occupied"));
                figures.insert(name.to_owned(), found);
            }
        }
        Ok(figures)
    }
}

/// Whether a user can have this id.
fn is_user_id(id: &str) -> bool {
    (1..=USER_ID).contains(&id.len()) && !id.chars().any(char::is_control)
}

async fn events(request: HttpRequest, body: Bytes, pusher: Data<Pusher>, rooms: Data<ServerEvents>) -> Answer {
    let app = authorized(&request, &body, &pusher)?;
    let event: Event = read(&body)?;
    event.check()?;
    if let Some(room) = event.room(&app) {
        return into_room(&event, room, &rooms).await;
    }
    let figures = event.send(&app).await?;
    Ok(HttpResponse::Ok().json(if event.info.is_empty() { json!({}) } else { json!({ "channels": figures }) }))
}

/// An event for a room is not published: the room's game decides what becomes of it.
async fn into_room(event: &Event, room: &str, rooms: &ServerEvents) -> Answer {
    if event.all().len() > 1 {
        return Err(error(400, "an event for a room is for one channel"));
    }
    rooms.send(room, &event.name, &event.data).await.map_err(|why| {
        let status = match &why {
            NotTaken::NoSuchRoom => 404,
            NotTaken::TooMany => 503,
            NotTaken::TooLong => 413,
            _ => 403,
        };
        error(status, &why.to_string())
    })?;
    Ok(HttpResponse::Ok().json(json!({})))
}

async fn batch_events(request: HttpRequest, body: Bytes, pusher: Data<Pusher>) -> Answer {
    let app = authorized(&request, &body, &pusher)?;
    let Batch { batch } = read(&body)?;
    if batch.len() > BATCH {
        return Err(error(400, &format!("a batch has at most {BATCH} events")));
    }
    // All or none.
    batch.iter().try_for_each(Event::check)?;
    if batch.iter().any(|event| event.room(&app).is_some()) {
        return Err(error(400, "an event for a room is not part of a batch, which is sent whole or not at all"));
    }
    let mut infos = Vec::new();
    for event in &batch {
        infos.push(event.send(&app).await?.into_iter().next().map_or_else(|| json!({}), |(_, found)| found));
    }
    let asked = batch.iter().any(|event| !event.info.is_empty());
    Ok(HttpResponse::Ok().json(if asked { json!({ "batch": infos }) } else { json!({}) }))
}

async fn channels(request: HttpRequest, pusher: Data<Pusher>, query: web::Query<Map<String, Value>>) -> Answer {
    let app = authorized(&request, &[], &pusher)?;
    let text = |key: &str| query.get(key).and_then(Value::as_str).unwrap_or_default();
    let (prefix, info) = (text("filter_by_prefix"), text("info"));
    if info.split(',').any(|info| info == "user_count") && !prefix.starts_with("presence-") {
        return Err(error(400, "user_count needs filter_by_prefix to begin with presence-"));
    }
    Ok(HttpResponse::Ok().json(app.act(|hub| hub.list(prefix, info))))
}

async fn channel(request: HttpRequest, pusher: Data<Pusher>, query: web::Query<Map<String, Value>>) -> Answer {
    let app = authorized(&request, &[], &pusher)?;
    let name = request.match_info().get("name").unwrap_or_default();
    let Some(kind) = Kind::of(name) else { return Err(error(400, "no channel has such a name")) };
    let info = query.get("info").and_then(Value::as_str).unwrap_or_default();
    if info.split(',').any(|info| info == "user_count") && !kind.presence {
        return Err(error(400, "user_count needs a channel with presence"));
    }
    Ok(HttpResponse::Ok().json(app.act(|hub| hub.describe(name, info))))
}

async fn users(request: HttpRequest, pusher: Data<Pusher>) -> Answer {
    let app = authorized(&request, &[], &pusher)?;
    let name = request.match_info().get("name").unwrap_or_default();
    if !Kind::of(name).is_some_and(|kind| kind.presence) {
        return Err(error(400, "only channels with presence have users"));
    }
    let users: Vec<Value> = app.act(|hub| hub.users(name)).into_iter().map(|id| json!({ "id": id })).collect();
    Ok(HttpResponse::Ok().json(json!({ "users": users })))
}

async fn terminate(request: HttpRequest, body: Bytes, pusher: Data<Pusher>, path: Path<(String, String)>) -> Answer {
    let app = authorized(&request, &body, &pusher)?;
    if !is_user_id(&path.1) {
        return Err(error(400, "no user can have such an id"));
    }
    let (channel, body) = broadcast::termination(&path.1);
    app.publish(&channel, body).await.map_err(|why| error(503, &why.to_string()))?;
    Ok(HttpResponse::Ok().json(json!({})))
}

/// Seconds since 1970: signed requests say when they were made.
#[expect(clippy::disallowed_methods, reason = "servers date their requests by the wall clock")]
fn now() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
