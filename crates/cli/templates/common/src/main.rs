//! Serves the game, and the page when it has been built.

use std::net::SocketAddr;
use std::path::Path;

fn main() -> std::io::Result<()> {
    tickwire::log();
    // The address to listen on can be given as an argument.
    let address = std::env::args().nth(1).unwrap_or("127.0.0.1:8080".to_owned());
    let address: SocketAddr = address.parse().map_err(std::io::Error::other)?;
    let page = Some(Path::new("web/dist").to_owned()).filter(|folder| folder.is_dir());
    match page {
        Some(_) => println!("the game is at http://{address}; stop with ctrl-c"),
        None => println!("the game is at ws://{address}/play; for its page: cd web && npm install && npm run dev"),
    }
    __CRATE__::serve(address, page)
}
