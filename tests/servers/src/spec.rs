//! ClusterSpec and BrokerSpec: what a cluster shall consist of.
//!
//! Plain data; versions, ports and folders come later.

use std::time::Duration;

/// Which servers to start and how they differ from the defaults.
#[derive(Clone, Debug)]
#[must_use]
pub struct ClusterSpec {
    pub(crate) name_servers: usize,
    pub(crate) brokers: Vec<BrokerSpec>,
    pub(crate) broker_properties: Vec<(String, String)>,
    pub(crate) name_server_properties: Vec<(String, String)>,
    pub(crate) jvm_options: Vec<String>,
    pub(crate) conf_files: Vec<(String, String)>,
    pub(crate) ports_only: bool,
    pub(crate) start_limit: Duration,
}

impl ClusterSpec {
    /// One name server and the masters `broker-a`, `broker-b`, …: as many as said here.
    pub fn brokers(count: u8) -> Self {
        let masters = (b'a'..=b'z')
            .take(usize::from(count))
            .map(|letter| BrokerSpec::master(format!("broker-{}", letter as char)));
        Self {
            name_servers: 1,
            brokers: masters.collect(),
            broker_properties: Vec::new(),
            name_server_properties: Vec::new(),
            jvm_options: Vec::new(),
            conf_files: Vec::new(),
            ports_only: false,
            start_limit: Duration::from_secs(180),
        }
    }

    /// One more broker: a slave, or a master with its own properties.
    pub fn broker(mut self, broker: BrokerSpec) -> Self {
        self.brokers.push(broker);
        self
    }

    /// How many name servers; every broker registers with all of them. Default: 1.
    pub fn name_servers(mut self, count: usize) -> Self {
        self.name_servers = count;
        self
    }

    /// A line of every broker's configuration; wins over our defaults.
    pub fn broker_property(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.broker_properties.push((name.into(), value.into()));
        self
    }

    /// A line of every name server's configuration; wins over our defaults.
    pub fn name_server_property(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.name_server_properties.push((name.into(), value.into()));
        self
    }

    /// An option of every server's JVM, such as `-Xmx512m`; wins over our defaults. For load tests `-XX:TieredStopAtLevel=4`
    /// brings back the optimising compiler, without which the servers start faster.
    pub fn jvm_option(mut self, option: impl Into<String>) -> Self {
        self.jvm_options.push(option.into());
        self
    }

    /// A file in the folder `conf` of every server, such as `plain_acl.yml`.
    pub fn conf_file(mut self, name: impl Into<String>, text: impl Into<String>) -> Self {
        self.conf_files.push((name.into(), text.into()));
        self
    }

    /// Takes servers for started once their ports are open, because they do not answer questions in plain text; whether clients can work
    /// already, the test finds out.
    pub fn ports_only(mut self) -> Self {
        self.ports_only = true;
        self
    }

    /// How long a start may take until clients can work. Default: 180 s; on a busy machine 60 s were seen.
    pub fn start_limit(mut self, limit: Duration) -> Self {
        self.start_limit = limit;
        self
    }

    /// The topic whose route tells that a broker serves: TBW102, unless the brokers are told not to make topics.
    pub(crate) fn probe_topic(&self) -> &'static str {
        let all = self.broker_properties.iter().chain(self.brokers.iter().flat_map(|broker| &broker.properties));
        let forbids = |(name, value): &(String, String)| name == "autoCreateTopicEnable" && value == "false";
        if all.into_iter().any(forbids) { "SELF_TEST_TOPIC" } else { "TBW102" }
    }
}

impl Default for ClusterSpec {
    /// One name server, one master `broker-a`.
    fn default() -> Self {
        Self::brokers(1)
    }
}

/// One broker of a cluster.
#[derive(Clone, Debug)]
#[must_use]
pub struct BrokerSpec {
    pub(crate) name: String,
    pub(crate) id: u32,
    pub(crate) properties: Vec<(String, String)>,
}

impl BrokerSpec {
    /// A master.
    pub fn master(name: impl Into<String>) -> Self {
        Self { name: name.into(), id: 0, properties: Vec::new() }
    }

    /// A slave of the master with the same name; `id` is 1 or more.
    pub fn slave(name: impl Into<String>, id: u32) -> Self {
        Self { name: name.into(), id, properties: Vec::new() }
    }

    /// A line of this broker's configuration; wins over everything else.
    pub fn property(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.properties.push((name.into(), value.into()));
        self
    }

    /// The name under which a cluster knows it: `broker-a` for a master, `broker-a-1` for its slave 1.
    pub(crate) fn label(&self) -> String {
        if self.id == 0 { self.name.clone() } else { format!("{}-{}", self.name, self.id) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masters_are_named_by_letter_and_slaves_by_number() {
        let spec = ClusterSpec::brokers(2).broker(BrokerSpec::slave("broker-a", 1));
        let labels: Vec<String> = spec.brokers.iter().map(BrokerSpec::label).collect();
        assert_eq!(labels, ["broker-a", "broker-b", "broker-a-1"]);
    }

    #[test]
    fn without_automatic_topics_another_route_tells_that_a_broker_serves() {
        assert_eq!(ClusterSpec::default().probe_topic(), "TBW102");
        assert_eq!(
            ClusterSpec::default().broker_property("autoCreateTopicEnable", "false").probe_topic(),
            "SELF_TEST_TOPIC"
        );
        let one = BrokerSpec::master("x").property("autoCreateTopicEnable", "false");
        assert_eq!(ClusterSpec::brokers(0).broker(one).probe_topic(), "SELF_TEST_TOPIC");
    }
}
