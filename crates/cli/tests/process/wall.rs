//! The wall clock of a process, which a test moves.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The wall clock of one process.
pub struct Wall(File);

impl Wall {
    /// Returns a clock that is right for now, and the command that reads it.
    pub fn around(mut command: Command) -> (Self, Command) {
        let folder = option_env!("CARGO_TARGET_TMPDIR").map_or_else(std::env::temp_dir, PathBuf::from);
        let own = std::process::id();
        let (library, ahead) = (folder.join(format!("clock-{own}.so")), folder.join(format!("clock-{own}.ahead")));
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/faults/clock.c");
        // The C compiler that links Rust programs compiles this.
        let compiled = Command::new("cc").args(["-shared", "-fPIC", "-o"]).args([&library, &source]).status();
        assert!(compiled.expect("a C compiler is called cc").success());
        let wall = Self(File::create(&ahead).expect("a writable folder"));
        wall.set(0);
        command.env("LD_PRELOAD", library).env("WALL_CLOCK", ahead);
        (wall, command)
    }

    pub fn set(&self, seconds_ahead: i64) {
        self.0.write_all_at(&seconds_ahead.to_ne_bytes(), 0).expect("a file");
    }
}
