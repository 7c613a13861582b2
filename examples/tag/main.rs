//! Tag in two teams, with hidden traps. `npm run build` in `examples/pages` makes the page; then run
//! `cargo run --example tag 127.0.0.1:8080 examples/pages/dist` and open http://127.0.0.1:8080/tag/ in two tabs.

// The game, also for the tests.
pub(crate) mod rules;

use tickwire::{Config, Pages, Server};

/// The server, ready to run.
pub fn server(config: Config) -> Server {
    Server::new(config).game("tag", |_| Ok(Box::<rules::Tag>::default()))
}

fn main() -> std::io::Result<()> {
    tickwire::log();
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next().unwrap_or("127.0.0.1:8080".to_owned());
    let pages = arguments.next().map_or(Pages::None, |folder| Pages::Folder(folder.into()));
    let bind = address.parse().map_err(std::io::Error::other)?;
    server(Config { bind, pages, ..Config::default() }).serve()
}
