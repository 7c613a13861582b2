//! Serves the app, and the page when it has been built.

use std::net::TcpListener;
use std::path::Path;

#[actix_web::main]
async fn main() -> std::io::Result<()> {
    tickwire::log();
    // The address to listen on can be given as an argument.
    let address = std::env::args().nth(1).unwrap_or("127.0.0.1:8080".to_owned());
    let listener = TcpListener::bind(&address)?;
    // Whoever has the secret can sign in as anybody.
    let Ok(secret) = std::env::var("SECRET") else {
        let wanted = "set SECRET to at least 32 random bytes, such as SECRET=$(openssl rand -hex 32)";
        return Err(std::io::Error::other(wanted));
    };
    let page = Some(Path::new("web/dist").to_owned()).filter(|folder| folder.is_dir());
    match page {
        Some(_) => println!("the game is at http://{address}; stop with ctrl-c"),
        None => println!("the game is at ws://{address}/play; for its page: cd web && npm install && npm run dev"),
    }
    __CRATE__::serve(listener, &secret, page, tickwire::server::interrupted()).await
}
