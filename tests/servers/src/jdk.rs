//! Jdk: the machine's Java, and our own few Java classes compiled with it.
//!
//! `java` and `javac` come from the same place: `$JAVA_HOME` where it is set, else the PATH.

use std::collections::hash_map::DefaultHasher;
use std::env;
use std::ffi::OsStr;
use std::fs;
use std::hash::{Hash as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use anyhow::{Context as _, Result, bail};

use crate::availability::Missing;
use crate::cache::Cache;

/// The oldest Java that runs our classes; the servers are tested with 17.
const OLDEST: u32 = 11;

/// What stands between the parts of a class path.
pub(crate) const PATH_SEPARATOR: char = if cfg!(windows) { ';' } else { ':' };

/// A Java development kit of [`OLDEST`] or newer.
#[derive(Clone, Debug)]
pub(crate) struct Jdk {
    java: PathBuf,
    javac: PathBuf,
}

/// One Java source file, part of this program.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Source {
    pub(crate) name: &'static str,
    pub(crate) text: &'static str,
}

impl Jdk {
    /// The machine's JDK; looked up once per process.
    pub(crate) fn find() -> Result<Self, Missing> {
        static FOUND: OnceLock<Result<Jdk, Missing>> = OnceLock::new();
        FOUND.get_or_init(|| Self::look(env::var_os("JAVA_HOME").as_deref())).clone()
    }

    fn look(home: Option<&OsStr>) -> Result<Self, Missing> {
        let program = |name: &str| match home {
            Some(home) if !home.is_empty() => Path::new(home).join("bin").join(name),
            _ => PathBuf::from(name),
        };
        let jdk = Self { java: program("java"), javac: program("javac") };
        let text = version_text(&jdk.java)
            .ok_or_else(|| Missing::new("no Java on the PATH or under JAVA_HOME (JDK 11 or newer)"))?;
        match feature(&text) {
            Some(found) if found >= OLDEST => {}
            Some(found) => {
                return Err(Missing::new(format!("Java {found} is too old, JDK {OLDEST} or newer is needed")));
            }
            None => return Err(Missing::new(format!("cannot read the Java version from {text:?}"))),
        }
        version_text(&jdk.javac).ok_or_else(|| Missing::new("Java without javac: a JDK is needed, not only a JRE"))?;
        Ok(jdk)
    }

    /// A `java` to run, small and quick to start; more arguments may follow.
    pub(crate) fn command(&self, heap_mib: u32) -> Command {
        let mut command = Command::new(&self.java);
        command.arg(format!("-Xmx{heap_mib}m")).args(["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto"]);
        command
    }

    /// The path of `java`.
    pub(crate) fn java(&self) -> &Path {
        &self.java
    }

    /// The folder with the classes of these sources, compiled once and kept in the cache.
    pub(crate) fn compile(&self, cache: &Cache, label: &str, sources: &[Source], class_path: &str) -> Result<PathBuf> {
        let mut hasher = DefaultHasher::new();
        for source in sources {
            (source.name, source.text).hash(&mut hasher);
        }
        let complete = |folder: &Path| {
            sources.iter().all(|source| folder.join(Path::new(source.name).with_extension("class")).is_file())
        };
        cache.folder(&format!("classes/{label}-{:016x}", hasher.finish()), complete, |folder| {
            let mut javac = Command::new(&self.javac);
            javac.args(["-nowarn", "-Xlint:-options", "-encoding", "UTF-8", "--release", "11"]);
            javac.arg("-d").arg(folder).arg("-cp").arg(class_path);
            for source in sources {
                let file = folder.join(source.name);
                fs::write(&file, source.text)?;
                javac.arg(file);
            }
            let done = javac.stdin(Stdio::null()).output().context("cannot run javac")?;
            if !done.status.success() {
                bail!("javac failed on {label}:\n{}", String::from_utf8_lossy(&done.stderr));
            }
            Ok(())
        })
    }
}

/// What `program -version` says, if it runs at all.
fn version_text(program: &Path) -> Option<String> {
    let said = Command::new(program).arg("-version").stdin(Stdio::null()).output().ok()?;
    // java writes to standard error, javac 11 to standard output
    said.status.success().then(|| String::from_utf8_lossy(&[said.stderr, said.stdout].concat()).into_owned())
}

/// The feature release in the text of `java -version`: 17 of "17.0.15", 8 of "1.8.0_392", 21 of "21-ea".
fn feature(text: &str) -> Option<u32> {
    let quoted = text.lines().find(|line| line.contains(" version \""))?.split('"').nth(1)?;
    let mut numbers = quoted.split(|c: char| !c.is_ascii_digit()).map(|digits| digits.parse::<u32>().ok());
    match numbers.next()?? {
        1 => numbers.next()?,
        first => Some(first),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_feature_release_is_read_from_old_and_new_version_texts() {
        assert_eq!(feature("openjdk version \"17.0.15\" 2025-04-15\nOpenJDK Runtime …"), Some(17));
        assert_eq!(feature("java version \"1.8.0_392\"\n"), Some(8));
        assert_eq!(feature("openjdk version \"21-ea\" 2023-09-19"), Some(21));
        assert_eq!(feature("openjdk version \"25\" 2025-09-16"), Some(25));
        assert_eq!(feature("Picked up JAVA_TOOL_OPTIONS: -Dx\nopenjdk version \"11.0.2\" x"), Some(11));
        assert_eq!(feature("command not found"), None);
    }

    #[test]
    fn a_java_home_without_java_is_missing_in_one_line() {
        let missing = Jdk::look(Some("/nowhere/at/all".as_ref())).unwrap_err();
        assert!(missing.skip_line().starts_with("SKIPPED real brokers: no Java"), "{missing}");
        assert!(!missing.to_string().contains('\n'));
    }
}
