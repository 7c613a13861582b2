//! How the source of the pages is written in a configuration.

use super::Pages;

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
