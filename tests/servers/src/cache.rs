//! The cache folder: what was fetched or compiled once and serves every later run.
//!
//! A folder of the cache is either absent or complete: it is filled under another name and then renamed, by one process at a
//! time (a lock that the kernel releases when its holder dies).

use std::env;
use std::fs::{self, File, TryLockError};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

/// Names the cache folder; set it to keep the servers somewhere else.
pub const CACHE_VARIABLE: &str = "RMQ_SERVER_CACHE";

/// The cache folder: `$RMQ_SERVER_CACHE`, else `rmq-servers` under `$XDG_CACHE_HOME` or `~/.cache`.
#[derive(Clone, Debug)]
pub(crate) struct Cache {
    folder: PathBuf,
}

impl Cache {
    /// Finds and makes the cache folder.
    pub(crate) fn open() -> Result<Self> {
        let folder = locate(|name| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from))
            .with_context(|| format!("no cache folder: set {CACHE_VARIABLE} or HOME"))?;
        Self::at(&folder)
    }

    /// Uses this folder, made where it is missing.
    pub(crate) fn at(folder: &Path) -> Result<Self> {
        let folder = std::path::absolute(folder)?;
        fs::create_dir_all(&folder).with_context(|| format!("cannot make the cache folder {}", folder.display()))?;
        Ok(Self { folder })
    }

    /// A path inside; nothing is made.
    pub(crate) fn path(&self, inside: &str) -> PathBuf {
        self.folder.join(inside)
    }

    /// Holds `name` for this process until the file is dropped; waits for another holder.
    pub(crate) fn lock(&self, name: &str) -> Result<File> {
        let file = self.lock_file(name)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                say(&format!("waiting for another process that prepares {name} …"));
                return self.lock_quietly(name);
            }
            Err(TryLockError::Error(error)) => return Err(error).with_context(|| format!("cannot lock {name}")),
        }
        Ok(file)
    }

    /// Holds `name`, where waiting for another holder is nothing to talk about.
    pub(crate) fn lock_quietly(&self, name: &str) -> Result<File> {
        let file = self.lock_file(name)?;
        file.lock().with_context(|| format!("cannot lock {name}"))?;
        Ok(file)
    }

    /// Holds `name` if nobody else does.
    pub(crate) fn try_lock(&self, name: &str) -> Result<Option<File>> {
        let file = self.lock_file(name)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(file)),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error).with_context(|| format!("cannot lock {name}")),
        }
    }

    /// The folder `inside`, complete: as it is if `complete` finds no fault in it, else filled anew by `fill`.
    pub(crate) fn folder(
        &self,
        inside: &str,
        complete: impl Fn(&Path) -> bool,
        fill: impl FnOnce(&Path) -> Result<()>,
    ) -> Result<PathBuf> {
        let target = self.path(inside);
        if complete(&target) {
            return Ok(target);
        }
        let _lock = self.lock(&inside.replace('/', "-"))?;
        if complete(&target) {
            return Ok(target); // another process was faster
        }
        let filling = self.path(&format!("{inside}.filling"));
        for leftover in [&filling, &target] {
            if leftover.exists() {
                fs::remove_dir_all(leftover).with_context(|| format!("cannot remove {}", leftover.display()))?;
            }
        }
        fs::create_dir_all(&filling)?;
        fill(&filling)?;
        if !complete(&filling) {
            bail!("{} is incomplete although nothing failed", filling.display());
        }
        fs::rename(&filling, &target).with_context(|| format!("cannot put {} in place", target.display()))?;
        Ok(target)
    }

    fn lock_file(&self, name: &str) -> Result<File> {
        let path = self.path("locks").join(format!("{name}.lock"));
        fs::create_dir_all(self.path("locks"))?;
        File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .with_context(|| format!("cannot open {}", path.display()))
    }
}

/// One line of progress, to standard error.
pub(crate) fn say(line: &str) {
    // Nobody reads it: not our affair.
    drop(writeln!(std::io::stderr(), "{line}"));
}

fn locate(variable: impl Fn(&str) -> Option<PathBuf>) -> Option<PathBuf> {
    variable(CACHE_VARIABLE)
        .or_else(|| Some(variable("XDG_CACHE_HOME").filter(|path| path.is_absolute())?.join("rmq-servers")))
        .or_else(|| Some(variable("HOME")?.join(".cache").join("rmq-servers")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run_folder::RunFolder;

    fn named(pairs: &[(&str, &str)]) -> Option<PathBuf> {
        locate(|name| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| PathBuf::from(value)))
    }

    #[test]
    fn our_own_variable_wins_over_the_user_s_cache_folder() {
        let all = [("HOME", "/h"), ("XDG_CACHE_HOME", "/x"), (CACHE_VARIABLE, "/mine")];
        assert_eq!(named(&all), Some("/mine".into()));
        assert_eq!(named(&all[..2]), Some("/x/rmq-servers".into()));
        assert_eq!(named(&all[..1]), Some("/h/.cache/rmq-servers".into()));
        assert_eq!(named(&[]), None);
    }

    #[test]
    fn a_folder_is_filled_once_and_a_failed_filling_leaves_nothing() {
        let room = RunFolder::new("cache-test").unwrap();
        let cache = Cache::at(room.path()).unwrap();
        let complete = |folder: &Path| folder.join("done").exists();
        let failed = cache.folder("a/b", complete, |folder| {
            fs::write(folder.join("half"), "")?;
            bail!("the line broke")
        });
        assert_eq!(failed.unwrap_err().to_string(), "the line broke");
        assert!(!cache.path("a/b").exists());

        let fill = |folder: &Path| Ok(fs::write(folder.join("done"), "")?);
        let made = cache.folder("a/b", complete, fill).unwrap();
        assert!(!made.join("half").exists(), "the broken filling was thrown away");
        cache.folder("a/b", complete, |_| bail!("it is there already")).unwrap();
    }

    #[test]
    fn a_damaged_folder_is_filled_anew() {
        let room = RunFolder::new("cache-test").unwrap();
        let cache = Cache::at(room.path()).unwrap();
        let complete = |folder: &Path| folder.join("done").exists();
        let fill = |folder: &Path| Ok(fs::write(folder.join("done"), "")?);
        let made = cache.folder("jars", complete, fill).unwrap();
        fs::remove_file(made.join("done")).unwrap();
        cache.folder("jars", complete, fill).unwrap();
        assert!(made.join("done").exists());
    }

    #[test]
    fn a_lock_is_held_until_its_file_is_dropped() {
        let room = RunFolder::new("cache-test").unwrap();
        let cache = Cache::at(room.path()).unwrap();
        let held = cache.lock("one").unwrap();
        assert!(cache.try_lock("one").unwrap().is_none());
        assert!(cache.try_lock("other").unwrap().is_some());
        drop(held);
        assert!(cache.try_lock("one").unwrap().is_some());
    }
}
