//! The routes: the WebSocket endpoint, costs, QR codes, health, metrics, pages. The list of rooms is in `lobby`, the
//! operators' page in `admin`.

use std::future::ready;
use std::rc::Rc;
use std::sync::Arc;

use actix_web::body::{BodyStream, BoxBody, MessageBody};
use actix_web::dev::{HttpServiceFactory, ServiceRequest, ServiceResponse};
use actix_web::http::header::{ALLOW, CACHE_CONTROL, LOCATION, RETRY_AFTER, X_CONTENT_TYPE_OPTIONS};
use actix_web::middleware::{Next, from_fn};
use actix_web::rt::time::timeout;
use actix_web::{Error, HttpRequest, HttpResponse, Resource, Route, guard, web};
use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};

use super::admin::AdminAuth;
use super::config::Config;
use super::handshake::Denied;
use super::hosts::Hosts;
use super::{admin, cors, film, handshake, lobby, matches, pages, qr};
use crate::actor::{Connection, Explain, Films, Matches, Refusal, RoomBoard, SessionContext, Watchdog, start};
use crate::cluster::Rehearsal;
use crate::engine::RoomCosts;
use crate::engine::cluster::LeaseState;
use crate::wire::limits;

/// The state of one worker's routes.
pub struct AppState {
    pub context: SessionContext,
    pub rooms: Arc<RoomBoard>,
    pub config: Arc<Config>,
    pub admin: Arc<AdminAuth>,
    pub hosts: Hosts,
    pub watchdog: Arc<Watchdog>,
    pub drawings: qr::Drawings,
    pub films: Arc<Films>,
    pub matches: Arc<Matches>,
}

/// Adds the routes of the rooms.
pub fn configure(app: &mut web::ServiceConfig) {
    app.configure(lobby::configure).configure(admin::configure).configure(film::configure);
    app.configure(matches::configure);
    app.service(web::resource("/play").route(web::route().to(play)));
    app.service(shared("/api/rooms/{id}/costs", read().to(costs), READ))
        .service(shared("/api/rooms/{id}/qr.svg", read().to(invitation), READ))
        .service(guarded("/healthz", read().to(health), READ))
        .service(guarded("/metrics", read().to(metrics), READ));
}

/// Adds the pages, which answer every other path.
pub fn configure_pages(app: &mut web::ServiceConfig) {
    app.service(guarded("", read().to(front), READ))
        .service(guarded("/timeline", read().to(front), READ))
        .service(guarded("/watch/{room:[A-Za-z0-9_-]+}", read().to(embed), READ))
        .service(guarded("/{path:.*}", read().to(page), READ));
}

/// The methods of [`read`].
pub(super) const READ: &str = "GET, HEAD";

/// A route for GET, and for HEAD, which monitors send: the HTTP layer leaves out the body. Not for endless answers, whose
/// body would be made and thrown away for ever.
pub(super) fn read() -> Route {
    web::route().guard(guard::Any(guard::Get()).or(guard::Head()))
}

/// A route behind [`receive`]. Other methods than `allowed` are answered with their list. Only Tickwire's own routes are
/// guarded; an embedder's routes are not affected.
pub(super) fn guarded(path: &str, route: Route, allowed: &'static str) -> impl HttpServiceFactory + use<> {
    resource(path, route, allowed).wrap(from_fn(receive))
}

/// As [`guarded`], for the public API: pages of the origins that may connect may use it.
pub(super) fn shared(path: &str, route: Route, allowed: &'static str) -> impl HttpServiceFactory + use<> {
    let share = move |request, next| cors::share(request, next, allowed);
    resource(path, route, allowed).wrap(from_fn(share))
}

fn resource(path: &str, route: Route, allowed: &'static str) -> Resource {
    let refuse = move || async move { HttpResponse::MethodNotAllowed().insert_header((ALLOW, allowed)).finish() };
    let bodies = web::PayloadConfig::new(limits::RESERVATION);
    web::resource(path).app_data(bodies).route(route).default_service(web::to(refuse))
}

/// Refuses requests that no route should handle.
pub(super) async fn receive(request: ServiceRequest, next: Next<BoxBody>) -> Result<ServiceResponse<BoxBody>, Error> {
    let turned_away = {
        let connection = request.conn_data::<Rc<Connection>>();
        let state = request.app_data::<web::Data<AppState>>();
        state.and_then(|state| handshake::turn_away(request.request().head(), connection.map(Rc::as_ref), state))
    };
    match turned_away {
        Some(response) => Ok(request.into_response(response)),
        None => next.call(request).await,
    }
}

async fn play(request: HttpRequest, payload: web::Payload, state: web::Data<AppState>) -> HttpResponse {
    let connection = request.conn_data::<Rc<Connection>>();
    match handshake::accept(request.head(), connection.map(Rc::as_ref), &state) {
        Ok(permit) => {
            let subprotocol = handshake::subprotocol(request.head());
            let started = start(state.context.clone(), permit, &request, payload, subprotocol);
            started.unwrap_or_else(HttpResponse::from_error)
        }
        Err(Denied::Request(response)) => response,
        Err(Denied::Session(refusal)) => {
            let farewell = handshake::farewell(request.head(), refusal, &state).freeze();
            let body = BodyStream::new(last_words(farewell, payload));
            let switching = handshake::switching(request.head()).message_body(body.boxed());
            switching.map_or_else(|error| HttpResponse::from_error(Error::from(error)), HttpResponse::from)
        }
    }
}

/// The body of a session that is refused: these bytes, and a moment for the client to hang up.
fn last_words(farewell: Bytes, mut payload: web::Payload) -> impl Stream<Item = Result<Bytes, Error>> {
    let hung_up = async move {
        let mut ignored = 0;
        let read = async {
            while let Some(Ok(chunk)) = payload.next().await
                && ignored < limits::SEND_BUFFER
            {
                ignored += chunk.len();
            }
        };
        let _ = timeout(limits::LINGER, read).await;
        None
    };
    stream::once(ready(Ok(farewell))).chain(stream::once(hung_up).filter_map(ready))
}

pub(super) fn unavailable(text: impl Into<String>) -> HttpResponse {
    HttpResponse::ServiceUnavailable().insert_header((RETRY_AFTER, "5")).body(text.into())
}

/// The costs of a room's deltas, by kind and field.
async fn costs(id: web::Path<String>, state: web::Data<AppState>) -> HttpResponse {
    match state.context.directory.send(Explain(id.into_inner())).await {
        Ok(Some(costs)) => {
            let withheld = RoomCosts { hidden: true, ..RoomCosts::default() };
            let told = if costs.hidden { &withheld } else { &*costs };
            HttpResponse::Ok().insert_header(("cache-control", "no-store")).json(told)
        }
        Ok(None) => HttpResponse::NotFound().body("404: no such room\n"),
        Err(_) => unavailable("503: busy\n"),
    }
}

/// The link to a room as a QR code, for a phone nearby.
async fn invitation(
    id: web::Path<String>,
    asked: web::Query<qr::Asked>,
    request: HttpRequest,
    state: web::Data<AppState>,
) -> HttpResponse {
    let host = handshake::host(request.head()).and_then(|host| std::str::from_utf8(host).ok()).unwrap_or("");
    let base = request.path().split("/api/rooms/").next().unwrap_or("");
    let drawn = match qr::link(asked.scheme, host, base, &id) {
        Ok(link) => state.drawings.draw(state.context.clock.now(), link),
        Err(text) => Some(Err(text)),
    };
    match drawn {
        Some(Ok(svg)) => HttpResponse::Ok()
            .content_type("image/svg+xml")
            .insert_header((CACHE_CONTROL, "no-store"))
            .insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"))
            .body(svg),
        Some(Err(text)) => HttpResponse::BadRequest().body(format!("400: {text}\n")),
        None => handshake::refuse(request.head(), Refusal::Drawing, &state),
    }
}

/// Reads the watchdog's result and waits for no other thread. When this worker itself is stuck, the request gets no answer,
/// which the monitoring must treat as a failure.
async fn health(state: web::Data<AppState>) -> HttpResponse {
    if !state.context.gatekeeper.is_open() {
        return unavailable("draining\n");
    }
    let stuck = state.watchdog.stuck();
    if !stuck.is_empty() {
        let stuck: Vec<String> = stuck.iter().map(ToString::to_string).collect();
        return unavailable(format!("stuck: {}\n", stuck.join(", ")));
    }
    match state.context.cluster.as_ref().map(|cluster| cluster.status()) {
        // A proxy then sends no new players, and the rooms go on if Redis comes back in time.
        Some(status) if status.lease != LeaseState::Held => {
            let redis = if status.is_connected { "Redis answers" } else { "no connection to Redis" };
            let rooms = if status.lease == LeaseState::Frozen { "rooms stand still" } else { "not in the cluster" };
            unavailable(format!("no lease: {rooms}, {redis}\n"))
        }
        Some(status) if status.rehearsal != Rehearsal::Passed => unavailable(match status.rehearsal {
            Rehearsal::Failed { rooms, of } => {
                format!("no rooms: this build leads {rooms} of {of} rooms of another build elsewhere\n")
            }
            _ => "no rooms yet: those of another build are being run again\n".to_owned(),
        }),
        Some(status) => {
            let redis = if status.is_connected { "connected" } else { "not connected" };
            let left = status.left.as_millis();
            HttpResponse::Ok().body(format!("ok\nredis: {redis}, lease: {left} ms, nodes: {}\n", status.nodes))
        }
        None => HttpResponse::Ok().body("ok\n"),
    }
}

async fn metrics(state: web::Data<AppState>) -> HttpResponse {
    const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    HttpResponse::Ok().content_type(OPENMETRICS).body(state.context.metrics.text())
}

/// The page without a path. Below a scope, its URL must end with a slash, because its links are relative. The redirect is
/// relative as well: a proxy may have removed a part of the path.
async fn front(request: HttpRequest, state: web::Data<AppState>) -> HttpResponse {
    let Some(name) = request.path().rsplit('/').next().filter(|name| !name.is_empty()) else {
        return page(request, state).await;
    };
    let query = Some(request.query_string()).filter(|query| !query.is_empty());
    let query = query.map_or_else(String::new, |query| format!("?{query}"));
    HttpResponse::PermanentRedirect().insert_header((LOCATION, format!("./{name}/{query}"))).finish()
}

/// The page that shows a room within any other page. The page itself looks for the room.
async fn embed(request: HttpRequest, state: web::Data<AppState>) -> HttpResponse {
    pages::answer(&request, &state.config.pages, false, pages::EMBED).await
}

async fn page(request: HttpRequest, state: web::Data<AppState>) -> HttpResponse {
    let path = request.match_info().get("path").unwrap_or("");
    pages::answer(&request, &state.config.pages, state.context.cluster.is_some(), path).await
}
