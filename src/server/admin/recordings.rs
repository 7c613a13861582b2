//! The recordings in the server's folder, for operators.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use actix_web::http::header::CACHE_CONTROL;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;

use super::{AppState, turn_away};
use crate::actor::{Shelved, recordings_in};
use crate::engine::recording::Recording;

/// The newest recordings that are listed.
const LISTED: usize = 200;
/// Bytes at the beginning of a file that contain its header: a schema of the greatest size fits.
const HEADER: u64 = 128 * 1024;

/// A recording.
#[derive(Serialize)]
struct Entry {
    file: String,
    /// Seconds since 1970.
    time: u64,
    /// What asked for it.
    why: String,
    bytes: u64,
    #[serde(flatten)]
    about: Option<About>,
}

/// What its header says.
#[derive(Serialize)]
struct About {
    room: String,
    game: String,
    reason: String,
    seconds: u32,
}

/// The list, newest first.
pub async fn list(request: HttpRequest, state: web::Data<AppState>) -> HttpResponse {
    if let Some(answer) = turn_away(&request, &state) {
        return answer;
    }
    let folder = state.config.recordings.clone();
    if folder.as_os_str().is_empty() {
        return HttpResponse::Conflict().body("409: recordings is not set: name a folder for them\n");
    }
    match web::block(move || entries(&folder)).await {
        Ok(Ok(entries)) => HttpResponse::Ok().insert_header((CACHE_CONTROL, "no-store")).json(entries),
        Ok(Err(error)) => HttpResponse::InternalServerError().body(format!("500: recordings: {error}\n")),
        Err(_) => HttpResponse::ServiceUnavailable().body("503: the server is stopping\n"),
    }
}

/// One file.
pub async fn download(request: HttpRequest, file: web::Path<String>, state: web::Data<AppState>) -> HttpResponse {
    if let Some(answer) = turn_away(&request, &state) {
        return answer;
    }
    let folder = state.config.recordings.clone();
    let found = web::block(move || {
        // Only what is listed: a name from outside is never a path.
        let known = recordings_in(&folder).ok()?.into_iter().find(|known| known.name == *file)?;
        fs::read(folder.join(known.name)).ok()
    });
    match found.await {
        Ok(Some(bytes)) => HttpResponse::Ok()
            .insert_header((CACHE_CONTROL, "no-store"))
            .content_type("application/octet-stream")
            .body(bytes),
        _ => HttpResponse::NotFound().body("404: no such recording\n"),
    }
}

fn entries(folder: &Path) -> io::Result<Vec<Entry>> {
    let newest = recordings_in(folder)?.into_iter().rev().take(LISTED);
    Ok(newest.map(|shelved| entry(folder, shelved)).collect())
}

fn entry(folder: &Path, Shelved { time, name, why, bytes }: Shelved) -> Entry {
    let about = header(&folder.join(&name));
    Entry { file: name, time, why, bytes, about }
}

/// `None` when the file is damaged, or deleted meanwhile.
fn header(file: &Path) -> Option<About> {
    let mut beginning = Vec::new();
    File::open(file).ok()?.take(HEADER).read_to_end(&mut beginning).ok()?;
    let header = Recording::decode_header(&beginning).ok()?;
    let (first, last) = header.ticks;
    let seconds = last.since(first).max(0).cast_unsigned() / u32::from(header.rate.per_second());
    Some(About { room: header.room, game: header.game, reason: header.reason, seconds })
}
