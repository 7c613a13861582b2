//! The types of a server's games, for their pages: made from the games themselves, written where they have changed.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use super::Server;
use crate::game::{RoomSetup, SetupError};
use crate::typed::PageTypes;

impl Server {
    /// The types of the games for their pages, as games without options have them: a declaration file for TypeScript, and the small
    /// module that it declares. With the module, `new Client(url, { game })` knows the names of messages.
    ///
    /// ```
    /// # use tickwire::{Config, Server};
    /// let server = Server::new(Config::default()).games(tickwire_games::builtin());
    /// let arena = &server.types()?[0];
    /// assert!(arena.declarations.contains("mood: \"idle\" | \"run\" | \"dash\" | \"hit\";"));
    /// # Ok::<(), tickwire::SetupError>(())
    /// ```
    ///
    /// # Errors
    /// A game cannot be made without options.
    pub fn types(&self) -> Result<Vec<PageTypes>, SetupError> {
        let setup = RoomSetup { rate: self.config.tick_rate, seed: 0, options: BTreeMap::new() };
        let each = self.games.iter().map(|(name, make)| {
            let game = make(&setup)?;
            Ok(PageTypes::new(name, &game.spec(), &game.page_notes()))
        });
        each.collect()
    }

    /// Writes what [`Self::types`] makes into a folder, which is made if it is missing: `NAME.d.ts` and `NAME.js` for each game.
    /// Returns the files that were not there like this. A test can keep a page's types up to date, and fail when they were not:
    ///
    /// ```
    /// # use tickwire::{Config, Server};
    /// # fn main() -> std::io::Result<()> {
    /// # fn server() -> Server { Server::new(Config::default()).games(tickwire_games::builtin()) }
    /// # let folder = std::env::temp_dir().join(format!("tickwire-types-{}", std::process::id()));
    /// # server().write_types(&folder)?;
    /// let changed = server().write_types(&folder)?; // such as "web/src/game"
    /// assert!(changed.is_empty(), "the game has changed: commit {changed:?}");
    /// # std::fs::remove_dir_all(&folder)
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`Self::types`], and when a file cannot be written.
    pub fn write_types(&self, folder: impl AsRef<Path>) -> io::Result<Vec<PathBuf>> {
        let folder = folder.as_ref();
        std::fs::create_dir_all(folder)?;
        let mut changed = Vec::new();
        for types in self.types().map_err(io::Error::other)? {
            for (ending, text) in [("d.ts", &types.declarations), ("js", &types.module)] {
                let path = folder.join(format!("{}.{ending}", types.name));
                if std::fs::read(&path).is_ok_and(|found| found == text.as_bytes()) {
                    continue;
                }
                std::fs::write(&path, text)?;
                changed.push(path);
            }
        }
        Ok(changed)
    }
}
