//! Rooms in an existing actix-web app, with its own routes, listener and shutdown.
//!
//! Run `cargo run --example mounted`, then open http://localhost:8080; the demo is below `/game/`.

use std::future::Future;
use std::io;
use std::net::TcpListener;

use actix_web::{App, HttpResponse, web};
use tickwire::server::Mount;
use tickwire::{Config, Server};

/// A page of the app itself, which reads figures of the rooms.
async fn front(rooms: web::Data<Mount>) -> HttpResponse {
    let text = format!("{} playing; the game is below /game/\n", rooms.sessions());
    HttpResponse::Ok().content_type("text/plain").body(text)
}

/// Serves the app on `listener` until `stop` completes.
pub async fn run(listener: TcpListener, stop: impl Future<Output = ()>) -> io::Result<()> {
    let mount = Server::new(Config::demo()).games(tickwire_games::builtin()).mount()?;
    let rooms = mount.clone();
    let app = move || {
        App::new()
            .app_data(web::Data::new(rooms.clone()))
            .route("/", web::get().to(front))
            .service(web::scope("/game").configure(|scope| rooms.configure(scope)))
    };
    let server = mount.listen(listener, app)?;
    let handle = server.handle();
    let running = actix_web::rt::spawn(server);
    stop.await;
    // First close the sessions, with a close code that tells clients to reconnect; then stop the server.
    mount.drain().await;
    handle.stop(true).await;
    running.await.map_err(io::Error::other)?
}

#[actix_web::main]
async fn main() -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:8080")?;
    println!("http://localhost:8080; stop with ctrl-c");
    run(listener, tickwire::server::interrupted()).await
}
