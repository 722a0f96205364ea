//! Maven: fetches the jars of one server release with the machine's own Maven settings.
//!
//! Where the jars come from is decided by those settings alone; nothing here names a repository.

use std::env;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use crate::log_tail::log_tail;
use crate::version::Version;

/// How long Maven may take; 94 MB came in 15 s over a good line.
const LIMIT: Duration = Duration::from_secs(20 * 60);
/// Pinned, so that the same command does the same tomorrow.
const COPY: &str = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies";

/// The `mvn` on the PATH.
pub(crate) fn find() -> Option<PathBuf> {
    let names: &[&str] = if cfg!(windows) { &["mvn.cmd"] } else { &["mvn"] };
    let path = env::var_os("PATH")?;
    env::split_paths(&path)
        .flat_map(|folder| names.iter().map(move |name| folder.join(name)))
        .find(|file| file.is_file())
}

/// Copies the jars of name server, broker and tools, with all that they need, into `folder`.
pub(crate) fn copy_jars(version: Version, folder: &Path) -> Result<()> {
    let mvn = find().context("no Maven (mvn) on the PATH")?;
    let pom = folder.join("pom.xml");
    fs::write(&pom, pom_text(version))?;
    let log = folder.join("mvn.log");
    let output = File::create(&log)?;
    let mut child = Command::new(&mvn)
        .args(["--batch-mode", "--quiet", "--file"])
        .arg(&pom)
        .arg(COPY)
        .arg("-DincludeScope=runtime")
        .arg(format!("-DoutputDirectory={}", folder.join("lib").display()))
        .stdin(Stdio::null())
        .stdout(output.try_clone()?)
        .stderr(output)
        .spawn()
        .with_context(|| format!("cannot run {}", mvn.display()))?;
    let end = Instant::now() + LIMIT;
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if Instant::now() > end {
            child.kill()?;
            child.wait()?;
            bail!("Maven did not fetch the servers of {version} within {LIMIT:?}:\n{}", log_tail(&log));
        }
        thread::sleep(Duration::from_millis(100));
    };
    if !status.success() {
        bail!("Maven could not fetch the servers of {version} ({status}):\n{}", log_tail(&log));
    }
    Ok(())
}

fn pom_text(version: Version) -> String {
    let mut text = String::from(
        "<project xmlns=\"http://maven.apache.org/POM/4.0.0\"><modelVersion>4.0.0</modelVersion>\n\
         <groupId>local</groupId><artifactId>real-servers</artifactId><version>1</version><packaging>pom</packaging>\n\
         <dependencies>\n",
    );
    for part in ["namesrv", "broker", "tools"] {
        text.push_str(&format!(
            "<dependency><groupId>org.apache.rocketmq</groupId><artifactId>rocketmq-{part}</artifactId>\
             <version>{version}</version></dependency>\n"
        ));
    }
    text.push_str("</dependencies></project>\n");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pom_asks_for_the_three_parts_of_one_release() {
        let text = pom_text(Version::V5_3_3);
        for part in ["rocketmq-namesrv", "rocketmq-broker", "rocketmq-tools"] {
            assert!(text.contains(&format!("<artifactId>{part}</artifactId><version>5.3.3</version>")), "{text}");
        }
        assert!(!text.contains("<repositor"), "the machine's settings say where from");
    }
}
