//! Values of a configuration that are one of a few, and how the source of the pages is written.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// The source of the pages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Pages {
    /// The demo's pages, from the binary.
    Embedded,
    /// The files of this folder, read at each request; `index.html` answers for the folder itself. Paths below `client/`
    /// serve the browser client from the binary. For the page of your own game.
    Folder(PathBuf),
    /// The demo's pages, from the folders `web-demo` and `assets` in this one, read at each request. For development.
    Disk(PathBuf),
    /// No pages: the server is only a game's backend.
    None,
}

/// What happens at a start after another build of the server crashed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OtherBuild {
    /// The server does not start: the build that crashed must recover its rooms.
    Wait,
    /// The rooms are recovered by this build. Those whose rows differ from what the other one had are lost.
    Replay,
    /// The rooms go back to their last checkpoints, and their players are told that they lost events.
    Checkpoint,
}

/// The format of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// One line per event, for people.
    Text,
    /// One JSON object per line and event, for machines.
    Json,
}

impl Pages {
    const DISK: &str = "dev:";
    const FOLDER: &str = "folder:";
}

impl TryFrom<String> for Pages {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let folder = |prefix| text.strip_prefix(prefix).filter(|folder: &&str| !folder.is_empty());
        match (text.as_str(), folder(Self::FOLDER), folder(Self::DISK)) {
            ("embedded", ..) => Ok(Self::Embedded),
            ("none", ..) => Ok(Self::None),
            (_, Some(folder), _) => Ok(Self::Folder(folder.into())),
            (_, _, Some(folder)) => Ok(Self::Disk(folder.into())),
            _ => Err("must be \"embedded\", \"none\", \"folder:FOLDER\" for pages of your own, or \"dev:FOLDER\" to \
                      read FOLDER/web-demo at each request"),
        }
    }
}

impl From<Pages> for String {
    fn from(pages: Pages) -> Self {
        match pages {
            Pages::Embedded => "embedded".to_owned(),
            Pages::None => "none".to_owned(),
            Pages::Folder(folder) => format!("{}{}", Pages::FOLDER, folder.display()),
            Pages::Disk(folder) => format!("{}{}", Pages::DISK, folder.display()),
        }
    }
}
