//! Checks that the paths of a configuration can be used, before the server says that it serves.

use std::fs::{self, OpenOptions};
use std::io;
use std::path::Path;

use tickwire::Pages;

use crate::settings::Settings;

/// Checks the folders of pages, rooms and recordings, and the file of the trace. Makes no file that the server would not
/// make.
///
/// # Errors
/// One line that names the key, the path, where it was set and what is wrong.
pub fn check(settings: &Settings) -> Result<(), String> {
    let config = &settings.config;
    let written =
        |key: &str, value: &str, what: &str| Err(format!("{key} = {value:?} ({}): {what}", settings.source(key)));
    let refuse = |key: &str, path: &Path, what: &str| written(key, &path.display().to_string(), what);
    let folder = match &config.pages {
        Pages::Folder(folder) => Some((format!("folder:{}", folder.display()), folder.clone(), "the page")),
        Pages::Disk(folder) => {
            Some((format!("dev:{}", folder.display()), folder.join("web-demo"), "web-demo and assets"))
        }
        Pages::Embedded | Pages::None => None,
    };
    if let Some((given, folder, inside)) = folder {
        match fs::metadata(&folder) {
            Ok(found) if found.is_dir() => {}
            Ok(_) => {
                let what = format!("{} is a file: name the folder of {inside}", folder.display());
                return written("pages", &given, &what);
            }
            Err(error) => return written("pages", &given, &format!("cannot read {}: {error}", folder.display())),
        }
    }
    for (key, folder) in [("data", &config.data), ("recordings", &config.recordings)] {
        if !folder.as_os_str().is_empty()
            && let Err(error) = fs::create_dir_all(folder)
        {
            return refuse(key, folder, &format!("cannot make this folder: {error}"));
        }
    }
    if !config.trace.as_os_str().is_empty()
        && let Err(error) = can_write(&config.trace)
    {
        return refuse("trace", &config.trace, &format!("cannot write this file: {error}"));
    }
    Ok(())
}

/// Opens the file for writing, or makes it, and changes nothing in it.
fn can_write(path: &Path) -> io::Result<()> {
    match fs::metadata(path) {
        // Opening a pipe would wait for its reader.
        Ok(found) if !found.is_file() && !found.is_dir() => Ok(()),
        _ => OpenOptions::new().append(true).create(true).open(path).map(drop),
    }
}
