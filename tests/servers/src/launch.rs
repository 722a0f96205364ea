//! Launch: the configuration files and the command line of one server.
//!
//! Every server has a folder of its own which is also its user's home, so that nothing is written anywhere else.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use crate::home::Home;
use crate::ports::Ports;
use crate::spec::{BrokerSpec, ClusterSpec};
use crate::version::Version;

/// What it takes to start one server, any number of times: files that are written.
#[derive(Clone, Debug)]
pub(crate) struct Launch {
    /// The command, one word per line.
    pub(crate) command: PathBuf,
    pub(crate) log: PathBuf,
}

impl Launch {
    /// Prepares a name server.
    pub(crate) fn name_server(home: &Home, leash: &Path, folder: &Path, spec: &ClusterSpec, port: u16) -> Result<Self> {
        let text = name_server_conf(folder, port, &spec.name_server_properties);
        Self::write(home, leash, folder, &text, spec, &NAME_SERVER)
    }

    /// Prepares a broker that registers with these name servers.
    pub(crate) fn broker(
        home: &Home,
        leash: &Path,
        folder: &Path,
        spec: &ClusterSpec,
        broker: &BrokerSpec,
        ports: &Ports,
        name_servers: &str,
    ) -> Result<Self> {
        let text = broker_conf(
            home.version(),
            folder,
            broker,
            (ports.listen(), ports.ha()),
            name_servers,
            &spec.broker_properties,
        );
        Self::write(home, leash, folder, &text, spec, &BROKER)
    }

    /// Lets a broker listen elsewhere from its next start on.
    pub(crate) fn change_ports(&self, listen: u16, ha: u16) -> Result<()> {
        let conf = self.command.with_file_name(CONF);
        let text = fs::read_to_string(&conf)?;
        let line = |line: &str| match line.split_once('=').map(|(name, _)| name.trim()) {
            Some("listenPort") => format!("listenPort={listen}\n"),
            Some("haListenPort") => format!("haListenPort={ha}\n"),
            _ => format!("{line}\n"),
        };
        Ok(fs::write(&conf, text.lines().map(line).collect::<String>())?)
    }

    fn write(home: &Home, leash: &Path, folder: &Path, conf: &str, spec: &ClusterSpec, kind: &Kind) -> Result<Self> {
        fs::create_dir_all(folder.join("conf"))?;
        let conf_file = folder.join(CONF);
        fs::write(&conf_file, conf)?;
        // 4.9 does not start without them; empty means that nothing is logged to files
        for name in ["namesrv", "broker", "tools"] {
            fs::write(folder.join("conf").join(format!("logback_{name}.xml")), "<configuration/>\n")?;
        }
        for (name, text) in &spec.conf_files {
            fs::write(folder.join("conf").join(name), text)?;
        }
        let mut words = vec![home.jdk().java().display().to_string()];
        words.extend(OPEN_PACKAGES.iter().chain(kind.options).map(|&word| word.to_owned()));
        words.extend(places(folder));
        words.push(format!("-Drmq.logback.configurationFile={}", folder.join("conf").join(kind.logback).display()));
        words.extend_from_slice(&spec.jvm_options);
        words.extend(["-cp".to_owned(), home.class_path(&[&folder.join("conf"), leash])]);
        words.extend(["Leash".to_owned(), kind.main.to_owned(), "-c".to_owned(), conf_file.display().to_string()]);
        if let Some(bad) = words.iter().find(|word| word.contains(['\n', '\r'])) {
            bail!("an argument of a server with a line break: {bad:?}");
        }
        let command = folder.join("command");
        fs::write(&command, words.join("\n") + "\n")?;
        Ok(Self { command, log: folder.join("server.log") })
    }
}

/// Whatever a server writes is in its folder. That goes for what it unpacks too: 5.x unpacks the 12 MB of RocksDB's library at each start, and a
/// server that is killed never removes them.
fn places(folder: &Path) -> [String; 3] {
    ["user.home", "rocketmq.home.dir", "java.io.tmpdir"].map(|name| format!("-D{name}={}", folder.display()))
}

const CONF: &str = "server.conf";

/// What distinguishes the two servers' command lines.
struct Kind {
    main: &'static str,
    logback: &'static str,
    options: &'static [&'static str],
}

const NAME_SERVER: Kind = Kind {
    main: "org.apache.rocketmq.namesrv.NamesrvStartup",
    logback: "logback_namesrv.xml",
    options: &[QUICK_START, "-XX:+UseSerialGC", "-Xmx128m"],
};

const BROKER: Kind = Kind {
    main: "org.apache.rocketmq.broker.BrokerStartup",
    logback: "logback_broker.xml",
    options: &[
        QUICK_START,
        "-XX:+UseSerialGC",
        "-Xmx256m",
        "-XX:MaxDirectMemorySize=256m",
        // above this ratio of used disk a broker refuses to write
        "-Drocketmq.broker.diskSpaceWarningLevelRatio=0.99",
    ],
};

/// Without the optimising compiler a start takes a third less processor time; most tests end before it would pay.
const QUICK_START: &str = "-XX:TieredStopAtLevel=1";

/// What the servers reach into and a JDK of 16 or newer closes: without it 4.9.7 cannot reopen its store after a kill.
const OPEN_PACKAGES: [&str; 6] = [
    "--add-exports=java.base/sun.nio.ch=ALL-UNNAMED",
    "--add-exports=java.base/jdk.internal.ref=ALL-UNNAMED",
    "--add-opens=java.base/java.nio=ALL-UNNAMED",
    "--add-opens=java.base/jdk.internal.ref=ALL-UNNAMED",
    "--add-opens=java.base/java.util=ALL-UNNAMED",
    "--add-opens=java.base/java.lang=ALL-UNNAMED",
];

fn name_server_conf(folder: &Path, port: u16, extra: &[(String, String)]) -> String {
    let mut lines = Lines::default();
    lines.add("listenPort", &port);
    lines.add("bindAddress", &"127.0.0.1"); // 5.x; 4.x passes over it and listens everywhere
    lines.add("kvConfigPath", &folder.join("kvConfig.json").display());
    lines.add("configStorePath", &folder.join("namesrv.properties").display());
    lines.add("orderMessageEnable", &true); // else no route carries an order configuration
    lines.finish(extra)
}

fn broker_conf(
    version: Version,
    folder: &Path,
    broker: &BrokerSpec,
    (listen, ha): (u16, u16),
    name_servers: &str,
    extra: &[(String, String)],
) -> String {
    let store = folder.join("store");
    let mut lines = Lines::default();
    lines.add("brokerName", &broker.name);
    lines.add("brokerId", &broker.id);
    lines.add("brokerRole", &if broker.id == 0 { "ASYNC_MASTER" } else { "SLAVE" });
    lines.add("brokerIP1", &"127.0.0.1");
    lines.add("brokerIP2", &"127.0.0.1");
    lines.add("bindAddress", &"127.0.0.1");
    lines.add("listenPort", &listen);
    lines.add("haListenPort", &ha);
    lines.add("namesrvAddr", &name_servers);
    lines.add("storePathRootDir", &store.display());
    lines.add("storePathCommitLog", &store.join("commitlog").display());
    lines.add("defaultTopicQueueNums", &4);
    // small files: a store takes a few MB instead of gigabytes
    lines.add("mappedFileSizeCommitLog", &(16 * 1024 * 1024));
    lines.add("mappedFileSizeConsumeQueue", &60_000);
    lines.add("maxHashSlotNum", &10_000);
    lines.add("maxIndexNum", &40_000);
    // a full disk is no reason to delete messages that a test wants to read back
    lines.add("cleanFileForciblyEnable", &false);
    // patience with a busy machine
    lines.add("waitTimeMillsInSendQueue", &30_000);
    lines.add("osPageCacheBusyTimeOutMills", &60_000);
    // haste where a test would wait
    lines.add("registerNameServerPeriod", &10_000);
    lines.add("transactionTimeOut", &1_000);
    lines.add("transactionCheckInterval", &1_000);
    lines.add("transactionCheckMax", &3);
    lines.add("messageDelayLevel", &"1s 2s 3s 4s 5s 6s 7s 8s 9s 10s 11s 12s 13s 14s 15s 16s 17s 18s");
    lines.add("traceTopicEnable", &true);
    if version.major() >= 5 {
        lines.add("timerPrecisionMs", &100);
        lines.add("recallMessageEnable", &true);
        lines.add("transactionOpBatchInterval", &500);
    }
    lines.finish(&[extra, &broker.properties].concat())
}

/// A Java properties file; of two lines with the same name the later one counts.
#[derive(Default)]
struct Lines {
    text: String,
}

impl Lines {
    fn add(&mut self, name: &str, value: &dyn fmt::Display) {
        let value = value.to_string().replace('\\', "\\\\").replace('\n', "\\n").replace('\r', "\\r");
        self.text.push_str(&format!("{name}={value}\n"));
    }

    fn finish(mut self, extra: &[(String, String)]) -> String {
        for (name, value) in extra {
            self.add(name, value);
        }
        self.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn conf(version: Version, broker: &BrokerSpec, extra: &[(String, String)]) -> Vec<String> {
        let text =
            broker_conf(version, Path::new("/run/b"), broker, (20_002, 20_003), "127.0.0.1:1;127.0.0.1:2", extra);
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn a_master_says_its_ports_name_servers_and_store() {
        let lines = conf(Version::V4_9_7, &BrokerSpec::master("broker-a"), &[]);
        for line in [
            "brokerName=broker-a",
            "brokerId=0",
            "brokerRole=ASYNC_MASTER",
            "listenPort=20002",
            "haListenPort=20003",
            "namesrvAddr=127.0.0.1:1;127.0.0.1:2",
            "storePathCommitLog=/run/b/store/commitlog",
        ] {
            assert!(lines.iter().any(|found| found == line), "{line} in {lines:?}");
        }
        assert!(!lines.iter().any(|line| line.starts_with("timerPrecisionMs")), "4.x has no timer messages");
    }

    #[test]
    fn a_slave_has_its_role_and_5_x_its_own_lines() {
        let lines = conf(Version::V5_3_3, &BrokerSpec::slave("broker-a", 1), &[]);
        assert!(lines.contains(&"brokerId=1".to_owned()) && lines.contains(&"brokerRole=SLAVE".to_owned()));
        assert!(lines.contains(&"timerPrecisionMs=100".to_owned()));
    }

    #[test]
    fn extra_lines_come_last_and_the_broker_s_own_after_the_cluster_s() {
        let extra = [("brokerRole".to_owned(), "SYNC_MASTER".to_owned()), ("path".to_owned(), "a\\b".to_owned())];
        let lines = conf(Version::V5_5_0, &BrokerSpec::master("m").property("path", "own"), &extra);
        assert_eq!(lines[lines.len() - 3..], ["brokerRole=SYNC_MASTER", "path=a\\\\b", "path=own"]);
    }

    #[test]
    fn what_a_server_unpacks_goes_with_its_folder() {
        let places = places(Path::new("/run/b"));
        assert!(places.contains(&"-Djava.io.tmpdir=/run/b".to_owned()), "{places:?}");
    }

    #[test]
    fn a_name_server_keeps_its_files_in_its_folder() {
        let text = name_server_conf(Path::new("/run/n"), 20_006, &[("x".to_owned(), "y".to_owned())]);
        assert!(text.contains("listenPort=20006\n") && text.contains("kvConfigPath=/run/n/kvConfig.json\n"));
        assert!(text.contains("orderMessageEnable=true\n") && text.ends_with("x=y\n"));
    }
}
