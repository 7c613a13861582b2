//! The smallest complete game: `cargo run`, then open http://localhost:8080 in two tabs. Within Tickwire's repository, run
//! `cargo run --example smallest 127.0.0.1:8080 examples/smallest/web`.

/// The game.
pub mod dots;

use tickwire::{Config, Pages, Server};

/// The server, ready to run.
pub fn server(config: Config) -> Server {
    Server::new(config).game("dots", |_| Ok(Box::new(dots::Dots::default())))
}

fn main() -> std::io::Result<()> {
    tickwire::log();
    // The address to listen on, and the folder of the page; both can be given as arguments.
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next().unwrap_or("127.0.0.1:8080".to_owned());
    let folder = arguments.next().unwrap_or("web".to_owned());
    println!("http://{address}; stop with ctrl-c");
    let bind = address.parse().map_err(std::io::Error::other)?;
    server(Config { bind, pages: Pages::Folder(folder.into()), ..Config::default() }).serve()
}
