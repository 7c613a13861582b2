//! The few things that a journal asks of a disk, or of what stands for one.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::trust::{create_private_folder, private_file};

/// A place for the files of one journal. One file at a time is written.
pub trait Disk: Send {
    /// The names of all files, in any order.
    ///
    /// # Errors
    /// They cannot be listed.
    fn list(&mut self) -> io::Result<Vec<String>>;

    /// A file's content.
    ///
    /// # Errors
    /// It cannot be read.
    fn read(&mut self, name: &str) -> io::Result<Vec<u8>>;

    /// Makes a new file, to which [`Self::append`] writes from now on.
    ///
    /// # Errors
    /// It cannot be made.
    fn create(&mut self, name: &str) -> io::Result<()>;

    /// Appends to the newest file.
    ///
    /// # Errors
    /// Not all bytes could be written.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// Returns when the newest file, with its name, survives a loss of power.
    ///
    /// # Errors
    /// It is not known what survives. Another call must not be believed.
    fn sync(&mut self) -> io::Result<()>;

    /// Deletes a file.
    ///
    /// # Errors
    /// It is still there.
    fn remove(&mut self, name: &str) -> io::Result<()>;

    /// Moves some files to another place, where nobody reads them as a journal. Returns where they are.
    ///
    /// # Errors
    /// Some are still there.
    fn keep(&mut self, names: &[String], why: &str) -> io::Result<String>;

    /// As [`Self::keep`], for all files and at once: either all are still there or none.
    ///
    /// # Errors
    /// They are still there.
    fn set_aside(&mut self, why: &str) -> io::Result<String>;

    /// Time between two commits: a commit has a price, and one per room and tick would be too many.
    fn pause(&self) -> Duration {
        Duration::from_millis(4)
    }
}

/// A folder.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    newest: Option<File>,
    /// Whether the newest file's name may be lost.
    unnamed: bool,
}

impl Folder {
    /// The folder at `path`, which is created if it is missing.
    ///
    /// # Errors
    /// It cannot be created.
    pub fn open(path: &Path) -> io::Result<Self> {
        create_private_folder(path)?;
        Ok(Self { path: path.to_owned(), newest: None, unnamed: false })
    }

    /// A folder beside this one that does not exist.
    fn free_place(&self, why: &str) -> PathBuf {
        let name = self.path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let place = |number: u32| self.path.with_file_name(format!("{name}-{why}-{number}"));
        (1..).map(place).find(|place| !place.exists()).expect("some name is free")
    }

    fn sync_names(folder: &Path) -> io::Result<()> {
        File::open(folder)?.sync_all()
    }
}

impl Disk for Folder {
    fn list(&mut self) -> io::Result<Vec<String>> {
        let names = fs::read_dir(&self.path)?.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()));
        names.collect()
    }

    fn read(&mut self, name: &str) -> io::Result<Vec<u8>> {
        fs::read(self.path.join(name))
    }

    fn create(&mut self, name: &str) -> io::Result<()> {
        let path = self.path.join(name);
        private_file(&path)?;
        self.newest = Some(OpenOptions::new().append(true).open(path)?);
        self.unnamed = true;
        Ok(())
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let file = self.newest.as_mut().ok_or(ErrorKind::NotFound)?;
        file.write_all(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.newest.as_ref().ok_or(ErrorKind::NotFound)?.sync_data()?;
        if std::mem::take(&mut self.unnamed) {
            Self::sync_names(&self.path)?;
        }
        Ok(())
    }

    fn remove(&mut self, name: &str) -> io::Result<()> {
        fs::remove_file(self.path.join(name))
    }

    fn keep(&mut self, names: &[String], why: &str) -> io::Result<String> {
        let aside = self.free_place(why);
        create_private_folder(&aside)?;
        for name in names {
            fs::rename(self.path.join(name), aside.join(name))?;
        }
        Self::sync_names(&aside)?;
        Self::sync_names(&self.path)?;
        Ok(aside.display().to_string())
    }

    fn set_aside(&mut self, why: &str) -> io::Result<String> {
        let aside = self.free_place(why);
        fs::rename(&self.path, &aside)?;
        Self::sync_names(self.path.parent().unwrap_or(Path::new(".")))?;
        create_private_folder(&self.path)?;
        self.newest = None;
        Ok(aside.display().to_string())
    }
}
