//! Home: the jars of one release, ready to run.
//!
//! A home is complete: every jar that Maven copied is there in its full length.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::cache::{Cache, say};
use crate::jdk::{Jdk, PATH_SEPARATOR};
use crate::maven;
use crate::version::Version;

/// The server jars of one release and the Java to run them with.
#[derive(Clone, Debug)]
pub struct Home {
    version: Version,
    cache: Cache,
    jdk: Jdk,
    lib: PathBuf,
}

impl Home {
    /// Finds the jars in the cache, or has Maven fetch them, which takes from ten seconds to minutes and is told on standard
    /// error. Two processes may call this at once: one fetches, the other waits.
    ///
    /// # Errors
    /// No JDK, no Maven while the cache lacks the jars, or a failed download; the text has the end of Maven's log.
    pub fn prepare(version: Version) -> Result<Self> {
        Self::prepare_in(version, Cache::open()?)
    }

    fn prepare_in(version: Version, cache: Cache) -> Result<Self> {
        let jdk = Jdk::find()?;
        let folder = cache.folder(&place(version), is_complete, |folder| {
            say(&format!("fetching the servers of Apache RocketMQ {version} with Maven (once, up to 100 MB) …"));
            maven::copy_jars(version, folder)?;
            fs::write(folder.join(LIST), list_jars(&folder.join("lib"))?)?;
            Ok(())
        })?;
        Ok(Self { version, cache, jdk, lib: folder.join("lib") })
    }

    /// Which release this is.
    #[must_use]
    pub fn version(&self) -> Version {
        self.version
    }

    /// The folder with the jars: name server, broker, tools (with the Java client) and what they need.
    #[must_use]
    pub fn lib(&self) -> &Path {
        &self.lib
    }

    pub(crate) fn cache(&self) -> &Cache {
        &self.cache
    }

    pub(crate) fn jdk(&self) -> &Jdk {
        &self.jdk
    }

    /// A class path of these folders of classes and then all jars.
    pub(crate) fn class_path(&self, folders: &[&Path]) -> String {
        let mut text = String::new();
        for folder in folders {
            text.push_str(&folder.display().to_string());
            text.push(PATH_SEPARATOR);
        }
        text + &self.lib.join("*").display().to_string()
    }
}

/// Whether a run of this version needs no Maven.
pub(crate) fn is_cached(cache: &Cache, version: Version) -> bool {
    is_complete(&cache.path(&place(version)))
}

/// Names and lengths of all jars; written last.
const LIST: &str = "jars.txt";

fn place(version: Version) -> String {
    format!("servers/{version}")
}

fn is_complete(folder: &Path) -> bool {
    let Ok(list) = fs::read_to_string(folder.join(LIST)) else { return false };
    !list.is_empty() && list_jars(&folder.join("lib")).is_ok_and(|found| found == list)
}

fn list_jars(lib: &Path) -> Result<String> {
    let mut lines = Vec::new();
    for entry in fs::read_dir(lib).with_context(|| format!("no jars in {}", lib.display()))? {
        let entry = entry?;
        lines.push(format!("{} {}\n", entry.file_name().display(), entry.metadata()?.len()));
    }
    lines.sort();
    Ok(lines.concat())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run_folder::RunFolder;

    #[test]
    fn a_home_with_a_lost_or_cut_jar_is_not_complete() {
        let room = RunFolder::new("home-test").unwrap();
        let lib = room.path().join("lib");
        assert!(!is_complete(room.path()));
        fs::create_dir(&lib).unwrap();
        fs::write(lib.join("a.jar"), "aaaa").unwrap();
        fs::write(lib.join("b.jar"), "bb").unwrap();
        assert!(!is_complete(room.path()), "the list is written last");
        fs::write(room.path().join(LIST), list_jars(&lib).unwrap()).unwrap();
        assert!(is_complete(room.path()));
        fs::write(lib.join("a.jar"), "aa").unwrap();
        assert!(!is_complete(room.path()), "cut");
        fs::write(lib.join("a.jar"), "aaaa").unwrap();
        fs::remove_file(lib.join("b.jar")).unwrap();
        assert!(!is_complete(room.path()), "lost");
    }
}
