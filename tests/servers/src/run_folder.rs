//! RunFolder: a new, empty folder for one run: configuration, stores, logs.
//!
//! It is removed when the value goes, unless somebody else took over that duty with [`RunFolder::leave`].

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context as _, Result};

/// A folder under the system's folder for temporary files.
#[derive(Debug)]
pub(crate) struct RunFolder {
    path: PathBuf,
    ours: bool,
}

impl RunFolder {
    /// Makes a new folder; `label` shows in its name.
    pub(crate) fn new(label: &str) -> Result<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        loop {
            let number = COUNT.fetch_add(1, Ordering::Relaxed);
            let path = env::temp_dir().join(format!("rmq-{label}-{}-{number}", std::process::id()));
            match fs::create_dir(&path) {
                Ok(()) => return Ok(Self { path: std::path::absolute(&path)?, ours: true }),
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error).with_context(|| format!("cannot make {}", path.display())),
            }
        }
    }

    /// Makes the folder at this place; it must not exist yet.
    pub(crate) fn at(path: &Path) -> Result<Self> {
        fs::create_dir_all(path.parent().unwrap_or(path))?;
        fs::create_dir(path).with_context(|| format!("cannot make {}", path.display()))?;
        Ok(Self { path: std::path::absolute(path)?, ours: true })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// From now on somebody else removes it.
    pub(crate) fn leave(&mut self) {
        self.ours = false;
    }
}

impl Drop for RunFolder {
    fn drop(&mut self) {
        if self.ours {
            // What cannot be removed stays for the system to clear.
            drop(fs::remove_dir_all(&self.path));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_run_has_a_folder_of_its_own_which_goes_with_it() {
        let one = RunFolder::new("run-test").unwrap();
        let other = RunFolder::new("run-test").unwrap();
        assert_ne!(one.path(), other.path());
        let path = one.path().to_owned();
        drop(one);
        assert!(!path.exists());
        assert!(other.path().is_dir());
    }

    #[test]
    fn a_folder_that_was_left_to_somebody_else_stays() {
        let room = RunFolder::new("run-test").unwrap();
        let place = room.path().join("inner");
        let mut inner = RunFolder::at(&place).unwrap();
        assert!(RunFolder::at(&place).is_err(), "never a folder that exists");
        inner.leave();
        drop(inner);
        assert!(place.is_dir());
    }
}
