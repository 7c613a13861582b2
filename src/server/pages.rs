//! The pages: the demo's, embedded in the binary or read from disk during development, or those of an embedder's own game.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::io::Write as _;
use std::path::{Component, Path};
use std::pin::Pin;
use std::task::{Context, Poll};

use actix_files::NamedFile;
use actix_web::body::{BodySize, MessageBody};
use actix_web::http::Method;
use actix_web::http::header::{
    ACCESS_CONTROL_ALLOW_ORIGIN, AcceptEncoding, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, ETAG,
    Encoding, Header, HeaderName, HeaderValue, IF_NONE_MATCH, REFERRER_POLICY, VARY, X_CONTENT_TYPE_OPTIONS,
};
use actix_web::{HttpRequest, HttpResponse, web};
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use mime_guess::Mime;
use parking_lot::Mutex;
use rust_embed::RustEmbed;
use sha2::{Digest, Sha256};

use super::config::Pages;

// A folder each: choosing files of one folder by patterns would need five more crates.
#[derive(RustEmbed)]
#[folder = "web-demo/client/"]
struct Client;

#[derive(RustEmbed)]
#[folder = "web-demo/demo/"]
struct Demo;

#[derive(RustEmbed)]
#[folder = "web-demo/admin/"]
struct Admin;

#[derive(RustEmbed)]
#[folder = "web-demo/timeline/"]
struct Timeline;

#[derive(RustEmbed)]
#[folder = "web-demo/watch/"]
struct Watch;

#[derive(RustEmbed)]
#[folder = "assets/"]
struct Assets;

const INDEX: &[u8] = include_bytes!("../../web-demo/index.html");

/// The page that shows a room within any other page.
pub const EMBED: &str = "watch/index.html";

/// Embedded texts as gzip by path, compressed when they are first asked for.
static PACKED: Mutex<BTreeMap<String, Bytes>> = Mutex::new(BTreeMap::new());

/// A file of the binary.
struct Found {
    content: Cow<'static, [u8]>,
    /// Changes with the content.
    hash: String,
}

/// The response for the page at `path`, which has no leading slash. `of_node`: of a node of a cluster.
pub async fn answer(request: &HttpRequest, pages: &Pages, of_node: bool, path: &str) -> HttpResponse {
    let index = format!("{path}index.html");
    let path = if path.is_empty() || path.ends_with('/') { &index } else { path };
    let found = match pages {
        Pages::Embedded => respond(request, embedded(path), path),
        Pages::Disk(root) => {
            let folder = if path.starts_with("assets/") { root.clone() } else { root.join("web-demo") };
            stream(request, &folder, path).await
        }
        Pages::Folder(_) if path.starts_with("client/") => respond(request, embedded(path), path),
        Pages::Folder(root) => match stream(request, root, path).await {
            None if path.starts_with("watch/") => respond(request, embedded(path), path),
            found => found,
        },
        Pages::None => None,
    };
    let Some(mut response) = found else {
        return HttpResponse::NotFound().content_type("text/plain; charset=utf-8").body("404: no such page\n");
    };
    response.headers_mut().insert(CONTENT_SECURITY_POLICY, policy(pages, of_node, path));
    const HEADERS: [(HeaderName, &str); 3] =
        [(X_CONTENT_TYPE_OPTIONS, "nosniff"), (REFERRER_POLICY, "no-referrer"), (CACHE_CONTROL, "no-cache")];
    for (name, value) in HEADERS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    // Pages of other sites may import the browser client from here. Whether they may play is checked by `origin`.
    if path.starts_with("client/") {
        response.headers_mut().insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    }
    response
}

/// What the page at `path` may load, and which pages may show it.
fn policy(pages: &Pages, of_node: bool, path: &str) -> HeaderValue {
    // The film page shows what anybody may see, and has nothing that a page around it could trick people to click on.
    let ancestors = if path == EMBED { "*" } else { "'none'" };
    // In a cluster, the room that a page plays in may be at any node.
    let sockets = if of_node && path != EMBED { " connect-src 'self' ws: wss:;" } else { "" };
    // Phaser and others make pictures of texts.
    let pictures = if matches!(pages, Pages::Folder(_)) { " img-src 'self' data: blob:;" } else { "" };
    let rest = format!("base-uri 'none'; form-action 'none'; frame-ancestors {ancestors}");
    HeaderValue::try_from(format!("default-src 'self';{sockets}{pictures} {rest}")).expect("it is ASCII")
}

fn respond(request: &HttpRequest, found: Option<Found>, path: &str) -> Option<HttpResponse> {
    let Found { content, hash } = found?;
    let kind = kind(path);
    let packed = packs(request, &kind).then(|| pack(path, &content)).flatten();
    let tag = if packed.is_some() { format!("\"{hash}-gzip\"") } else { format!("\"{hash}\"") };
    let known = request.headers().get(IF_NONE_MATCH).is_some_and(|known| *known == *tag);
    let mut response = if known { HttpResponse::NotModified() } else { HttpResponse::Ok() };
    response.insert_header((ETAG, tag)).insert_header((VARY, "accept-encoding"));
    if known {
        return Some(response.finish());
    }
    response.content_type(kind.to_string());
    if let Some(packed) = packed {
        return Some(response.insert_header((CONTENT_ENCODING, "gzip")).body(packed));
    }
    let body = match content {
        Cow::Borrowed(content) => Bytes::from_static(content),
        Cow::Owned(content) => Bytes::from(content),
    };
    Some(response.body(body))
}

/// Whether to send a file of this type compressed: pictures are already.
fn packs(request: &HttpRequest, kind: &Mime) -> bool {
    let is_text = kind.type_() == "text" || kind.subtype() == "json" || kind.subtype() == "svg";
    is_text
        && AcceptEncoding::parse(request).is_ok_and(|accepted| {
            accepted.negotiate([Encoding::gzip(), Encoding::identity()].iter()) == Some(Encoding::gzip())
        })
}

/// An embedded file as gzip; `None` where that saves nothing.
fn pack(path: &str, content: &[u8]) -> Option<Bytes> {
    if let Some(packed) = PACKED.lock().get(path) {
        return Some(packed.clone());
    }
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(content).ok()?;
    let packed = Bytes::from(encoder.finish().ok()?);
    if packed.len() >= content.len() {
        return None;
    }
    PACKED.lock().insert(path.to_owned(), packed.clone());
    Some(packed)
}

/// The type of the file at `path`. All texts are UTF-8.
fn kind(path: &str) -> Mime {
    let kind = mime_guess::from_path(path).first_or_octet_stream();
    let text = kind.type_() == "text" || kind.subtype() == "json";
    if text { format!("{kind}; charset=utf-8").parse().unwrap_or(kind) } else { kind }
}

fn embedded(path: &str) -> Option<Found> {
    let hex = |hash: &[u8]| hash.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    if path == "index.html" {
        return Some(Found { content: Cow::Borrowed(INDEX), hash: hex(&Sha256::digest(INDEX)) });
    }
    let file = match path.split_once('/')? {
        ("client", path) => Client::get(path),
        ("demo", path) => Demo::get(path),
        ("admin", path) => Admin::get(path),
        ("timeline", path) => Timeline::get(path),
        ("watch", path) => Watch::get(path),
        // The others are for the server.
        ("assets", path) if !path.ends_with(".toml") && !path.starts_with("redis/") => Assets::get(path),
        _ => None,
    }?;
    Some(Found { content: file.data, hash: hex(&file.metadata.sha256_hash()) })
}

/// Streams a file in small parts as the client takes them, or a range of it. Files are opened and read by the runtime's
/// threads for blocking calls: a disk may hang.
async fn stream(request: &HttpRequest, folder: &Path, path: &str) -> Option<HttpResponse> {
    let relative = Path::new(path);
    // Only plain names are allowed: no parent folders, no absolute paths.
    if !relative.components().all(|part| matches!(part, Component::Normal(_))) {
        return None;
    }
    let place = folder.join(relative);
    // Opening a pipe would wait for its writer.
    let open = move || place.is_file().then(|| NamedFile::open(&place).ok()).flatten();
    let file = web::block(open).await.ok().flatten()?;
    let response = file.set_content_type(kind(path)).disable_content_disposition().into_response(request);
    let is_head = request.method() == Method::HEAD;
    Some(if is_head { response.map_body(|_, body| Unread(body.size()).boxed()) } else { response })
}

/// The body behind a head that is sent alone: of the right size, and never read. The HTTP layer would read the file and throw
/// it away.
struct Unread(BodySize);

impl MessageBody for Unread {
    type Error = Infallible;

    fn size(&self) -> BodySize {
        self.0
    }

    fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Bytes, Infallible>>> {
        Poll::Ready(None)
    }
}
