//! The timeline of one recording, for one person at this machine: the page, the recording and what running it again told.

use std::io;
use std::net::TcpListener;

use actix_web::http::header::{CACHE_CONTROL, HOST, LOCATION};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use bytes::Bytes;

use super::config::{Config, Pages};
use super::hosts::Hosts;
use super::pages;
use crate::engine::recording::{Recording, Rerun};

/// A recording to be watched in a browser.
#[derive(Clone, Debug)]
pub struct Timeline {
    recording: Bytes,
    notes: Bytes,
}

struct Shared {
    timeline: Timeline,
    hosts: Hosts,
}

impl Timeline {
    /// The timeline of the film in `recording`: its inputs are not served. `notes` is JSON for the page: what running it again
    /// told about its ticks.
    pub fn new(mut recording: Recording, notes: String) -> Self {
        recording.rerun = Rerun::Unknown;
        Self { recording: recording.encode().into(), notes: notes.into() }
    }

    /// Where the page is, below the address of the listener.
    pub const PATH: &str = "/timeline/?open";

    /// Serves the timeline until the process is told to stop. Notes contain personal data: `listener` should be on the loopback
    /// interface. Answers only to names of this machine, so that pages of others can read nothing.
    ///
    /// # Errors
    /// When the listener cannot be used.
    pub fn serve(self, listener: TcpListener) -> io::Result<()> {
        let hosts = Hosts::new(&Config::default(), listener.local_addr()?.ip());
        let shared = web::Data::new(Shared { timeline: self, hosts });
        let app = move || {
            let routes = App::new().app_data(shared.clone());
            let routes = routes.route("/", web::get().to(front)).route("/timeline/recording", web::get().to(recording));
            routes.route("/timeline/notes", web::get().to(notes)).route("/{path:.*}", web::get().to(page))
        };
        let server = HttpServer::new(app).workers(1).listen(listener)?;
        actix_web::rt::System::new().block_on(server.run())
    }
}

/// Whether the request names this machine.
fn knows(request: &HttpRequest, shared: &Shared) -> bool {
    shared.hosts.know(request.headers().get(HOST).map(|host| host.as_bytes()))
}

fn refused() -> HttpResponse {
    HttpResponse::Forbidden()
        .content_type("text/plain; charset=utf-8")
        .body("403: open it by the address that was printed\n")
}

async fn front() -> HttpResponse {
    HttpResponse::TemporaryRedirect().insert_header((LOCATION, Timeline::PATH)).finish()
}

async fn recording(request: HttpRequest, shared: web::Data<Shared>) -> HttpResponse {
    file(&request, &shared, &shared.timeline.recording, "application/octet-stream")
}

async fn notes(request: HttpRequest, shared: web::Data<Shared>) -> HttpResponse {
    file(&request, &shared, &shared.timeline.notes, "application/json")
}

fn file(request: &HttpRequest, shared: &Shared, content: &Bytes, kind: &str) -> HttpResponse {
    if !knows(request, shared) {
        return refused();
    }
    HttpResponse::Ok().insert_header((CACHE_CONTROL, "no-store")).content_type(kind).body(content.clone())
}

async fn page(request: HttpRequest, path: web::Path<String>, shared: web::Data<Shared>) -> HttpResponse {
    if !knows(&request, &shared) {
        return refused();
    }
    pages::answer(&request, &Pages::Embedded, false, &path).await
}
