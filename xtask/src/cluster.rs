//! `cargo xtask cluster up | down | status`: real Apache RocketMQ servers in the background, to play with.
//!
//! The last line that `up` prints is the name-server address and nothing else, so that a script can take it.

use std::io::Write as _;

use anyhow::{Result, bail};
use real_servers::{ClusterSpec, Detached, Version};

const USAGE: &str = "\
cargo xtask cluster up VERSION [--brokers N] [--name-servers N]   start a cluster that stays; prints its address last
cargo xtask cluster status                                        list the clusters that were started
cargo xtask cluster down [VERSION]                                stop this one, or all
VERSION is 4.9.7, 5.3.3, 5.5.0 or any other release whose servers Maven finds.";

/// Runs the command with what follows `cluster` on the command line.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    match Command::parse(arguments)? {
        Command::Help => say(USAGE),
        Command::Up { version, brokers, name_servers } => up(version, brokers, name_servers),
        Command::Status => status(),
        Command::Down { version } => down(version),
    }
}

#[derive(PartialEq, Eq, Debug)]
enum Command {
    Help,
    Up { version: Version, brokers: u8, name_servers: u8 },
    Status,
    Down { version: Option<Version> },
}

impl Command {
    fn parse(arguments: &[String]) -> Result<Self> {
        use lexopt::prelude::*;
        let mut parser = lexopt::Parser::from_args(arguments);
        let mut words: Vec<String> = Vec::new();
        let (mut brokers, mut name_servers) = (None, None);
        while let Some(argument) = parser.next()? {
            match argument {
                Value(word) => words.push(word.string()?),
                Long("brokers") => brokers = Some(count(parser.value()?.parse()?)?),
                Long("name-servers") => name_servers = Some(count(parser.value()?.parse()?)?),
                Short('h') | Long("help") => return Ok(Self::Help),
                other => return Err(other.unexpected().into()),
            }
        }
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        match (words.as_slice(), brokers.or(name_servers)) {
            (["up", version], _) => Ok(Self::Up {
                version: version.parse()?,
                brokers: brokers.unwrap_or(1),
                name_servers: name_servers.unwrap_or(1),
            }),
            (["status"], None) => Ok(Self::Status),
            (["down"], None) => Ok(Self::Down { version: None }),
            (["down", version], None) => Ok(Self::Down { version: Some(version.parse()?) }),
            _ => bail!("usage:\n{USAGE}"),
        }
    }
}

fn count(number: u8) -> Result<u8> {
    if !(1..=26).contains(&number) {
        bail!("{number}: from 1 to 26 servers of a kind");
    }
    Ok(number)
}

fn up(version: Version, brokers: u8, name_servers: u8) -> Result<()> {
    // it may run for long: a slower start pays
    let spec = ClusterSpec::brokers(brokers).name_servers(name_servers.into()).jvm_option("-XX:TieredStopAtLevel=4");
    let already = Detached::find(version)?.is_some_and(|cluster| cluster.is_answering());
    let cluster = Detached::up(version, &spec)?;
    if already {
        say("already up, as it was started:")?;
    }
    describe(&cluster)?;
    say(&format!("files: {}", cluster.folder().display()))?;
    say(&format!("stop it with: cargo xtask cluster down {version}"))?;
    say(&cluster.name_server())
}

fn status() -> Result<()> {
    let clusters = Detached::list()?;
    if clusters.is_empty() {
        return say("no cluster is up");
    }
    for cluster in clusters {
        let state = if cluster.is_answering() { "up" } else { "does not answer" };
        say(&format!("{}  {}  {state}", cluster.version(), cluster.name_server()))?;
        describe(&cluster)?;
    }
    Ok(())
}

fn down(version: Option<Version>) -> Result<()> {
    let clusters = match version {
        Some(version) => Detached::find(version)?.into_iter().collect(),
        None => Detached::list()?,
    };
    if clusters.is_empty() {
        return say("no such cluster is up");
    }
    for cluster in clusters {
        cluster.down()?;
        say(&format!("{} is down", cluster.version()))?;
    }
    Ok(())
}

fn describe(cluster: &Detached) -> Result<()> {
    for server in cluster.servers() {
        say(&format!("  {:<12} {}  process {}", server.name, server.address, server.pid))?;
    }
    Ok(())
}

fn say(line: &str) -> Result<()> {
    Ok(writeln!(std::io::stdout(), "{line}")?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Command> {
        Command::parse(&line.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn each_command_is_understood() {
        let one = Command::Up { version: Version::V5_5_0, brokers: 1, name_servers: 1 };
        assert_eq!(parse("up 5.5.0").unwrap(), one);
        let many = Command::Up { version: Version::V4_9_7, brokers: 2, name_servers: 3 };
        assert_eq!(parse("up 4.9.7 --brokers 2 --name-servers=3").unwrap(), many);
        assert_eq!(parse("status").unwrap(), Command::Status);
        assert_eq!(parse("down").unwrap(), Command::Down { version: None });
        assert_eq!(parse("down 5.3.3").unwrap(), Command::Down { version: Some(Version::V5_3_3) });
        assert_eq!(parse("up --help").unwrap(), Command::Help);
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for line in [
            "",
            "up",
            "up 5.5",
            "up 5.5.0 x",
            "up 5.5.0 --brokers 0",
            "up 5.5.0 --brokers 27",
            "down --brokers 1",
            "go",
            "up --x",
        ] {
            assert!(parse(line).is_err(), "{line}");
        }
    }
}
