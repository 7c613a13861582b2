//! The pages: the demo's, embedded in the binary or read from disk during development, or those of an embedder's own game.

use std::borrow::Cow;
use std::path::{Component, Path};

use actix_web::HttpResponse;
use actix_web::http::header::{
    ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL, CONTENT_SECURITY_POLICY, ETAG, HeaderValue, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS,
};
use rust_embed::RustEmbed;

use super::config::Pages;

#[derive(RustEmbed)]
#[folder = "web-demo/"]
#[include = "index.html"]
#[include = "client/*"]
#[include = "demo/*"]
#[include = "admin/*"]
struct Web;

#[derive(RustEmbed)]
#[folder = "assets/"]
#[exclude = "*.toml"]
struct Assets;

struct Found {
    content: Cow<'static, [u8]>,
    /// An ETag that changes with the content; files from disk have none.
    tag: Option<String>,
}

/// The response for the page at `path`, which has no leading slash.
pub fn answer(pages: &Pages, path: &str, known_tag: Option<&HeaderValue>) -> HttpResponse {
    let path = if path.is_empty() { "index.html" } else { path };
    let found = match pages {
        Pages::Embedded => embedded(path),
        Pages::Disk(root) => {
            let folder = if path.starts_with("assets/") { root.clone() } else { root.join("web-demo") };
            from_disk(&folder, path)
        }
        Pages::Folder(_) if path.starts_with("client/") => embedded(path),
        Pages::Folder(root) => from_disk(root, path),
        Pages::None => None,
    };
    let Some(found) = found else {
        return HttpResponse::NotFound().content_type("text/plain; charset=utf-8").body("404: no such page\n");
    };
    let unchanged = found.tag.as_deref().is_some_and(|tag| known_tag.is_some_and(|known| known == tag));
    let mut response = if unchanged { HttpResponse::NotModified() } else { HttpResponse::Ok() };
    response
        .insert_header((
            CONTENT_SECURITY_POLICY,
            "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        ))
        .insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .insert_header((REFERRER_POLICY, "no-referrer"))
        .insert_header((CACHE_CONTROL, "no-cache"));
    if let Some(tag) = found.tag {
        response.insert_header((ETAG, tag));
    }
    // Pages of other sites may import the browser client from here. Whether they may play is checked by `origin`.
    if path.starts_with("client/") {
        response.insert_header((ACCESS_CONTROL_ALLOW_ORIGIN, "*"));
    }
    if unchanged {
        return response.finish();
    }
    let kind = mime_guess::from_path(path).first_or_octet_stream();
    let text = kind.type_() == "text" || kind.subtype() == "json";
    let kind = if text { format!("{kind}; charset=utf-8") } else { kind.to_string() };
    response.content_type(kind).body(found.content.into_owned())
}

fn embedded(path: &str) -> Option<Found> {
    let file = match path.strip_prefix("assets/") {
        Some(path) => Assets::get(path),
        None => Web::get(path),
    }?;
    let hash = file.metadata.sha256_hash();
    let hex: String = hash.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    Some(Found { content: file.data, tag: Some(format!("\"{hex}\"")) })
}

fn from_disk(folder: &Path, path: &str) -> Option<Found> {
    let relative = Path::new(path);
    // Only plain names are allowed: no parent folders, no absolute paths.
    if !relative.components().all(|part| matches!(part, Component::Normal(_))) {
        return None;
    }
    let content = std::fs::read(folder.join(relative)).ok()?;
    Some(Found { content: content.into(), tag: None })
}
