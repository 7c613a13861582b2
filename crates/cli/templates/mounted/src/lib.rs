//! An actix-web app of your own, with a login and a game: whoever has logged in may join.

pub mod login;
pub mod rules;

use std::future::Future;
use std::io;
use std::net::TcpListener;
use std::path::PathBuf;

use actix_web::{App, HttpResponse, web};
use tickwire::server::{Keyring, Mount};
use tickwire::{Config, Pages, Server};

use login::Login;
use rules::Rules;

/// The server of the game, which admits nobody without a join token.
pub fn server(config: Config) -> Server {
    Server::new(config).game("__NAME__", |_| Ok(Box::new(Rules::default())))
}

/// Serves the app on `listener` until `stop` completes. `secret` signs the join tokens, and has at least 32 bytes.
pub async fn serve(
    listener: TcpListener,
    secret: &str,
    page: Option<PathBuf>,
    stop: impl Future<Output = ()>,
) -> io::Result<()> {
    let pages = page.map_or(Pages::None, Pages::Folder);
    let bind = listener.local_addr()?;
    let config = Config { bind, pages, token_secret: secret.to_owned().into(), guests: false, ..Config::default() };
    let keys = Keyring::read(secret, &[]).map_err(io::Error::other)?;
    let login = web::Data::new(Login::new(keys, &config.token_audience));
    let mount = server(config).mount()?;
    let rooms = mount.clone();
    let app = move || {
        App::new()
            .app_data(login.clone())
            .app_data(web::Data::new(rooms.clone()))
            .route("/login", web::post().to(login::login))
            .route("/about", web::get().to(about))
            // Last, because it answers for every other path.
            .configure(|app| rooms.configure(app))
    };
    let server = mount.listen(listener, app)?;
    let handle = server.handle();
    let running = actix_web::rt::spawn(server);
    stop.await;
    // First the sessions, with a close code that tells clients to come back; then the server.
    mount.drain().await;
    handle.stop(true).await;
    running.await.map_err(io::Error::other)?
}

/// A route of the app itself, which reads a figure of the rooms.
async fn about(rooms: web::Data<Mount>) -> HttpResponse {
    HttpResponse::Ok().content_type("text/plain").body(format!("{} playing\n", rooms.sessions()))
}
