//! The counters as text that Prometheus and whoever reads its format understand.
//!
//! Every family comes once, with its help and type, however many snapshots there are; samples that were never counted are there with 0,
//! so that rates work from the first scrape on, except those of brokers and reasons that never occurred.

use std::fmt::Write as _;
use std::time::Duration;

use super::latency::LatencyBuckets;
use super::snapshot::{BrokerMetrics, MetricsSnapshot};
use crate::instance::ServerRequestMetrics;

impl MetricsSnapshot {
    /// Returns the counters in the text format of Prometheus, to be served with content type `text/plain; version=0.0.4`.
    ///
    /// Each sample has the labels `group` and `client_id`. Names begin with `rmq_producer_`, but for the two that OpenTelemetry names:
    /// `messaging_client_sent_messages_total`, the attempts by broker and outcome, and `messaging_client_operation_duration_seconds`,
    /// how long those took that stored a message. Of several producers of one process see
    /// [`prometheus_text_of`](Self::prometheus_text_of).
    #[must_use]
    pub fn prometheus_text(&self) -> String {
        Self::prometheus_text_of(std::slice::from_ref(self))
    }

    /// Returns the counters of several producers as one text: the format wants each family in one piece. Of producers that share group and
    /// client id there must be one only.
    #[must_use]
    pub fn prometheus_text_of(snapshots: &[Self]) -> String {
        let mut text = Text::default();
        for (name, kind, help, value) in SINGLE {
            text.family(name, kind, help);
            for snapshot in snapshots {
                text.sample(name, &labels(snapshot), value(snapshot));
            }
        }
        let sends = "rmq_producer_sends_total";
        text.family(sends, "counter", "Sends that are over, by how they ended.");
        for snapshot in snapshots {
            for (outcome, count) in snapshot.ends() {
                text.sample(sends, &[&labels(snapshot)[..], &[("outcome", outcome)]].concat(), count);
            }
        }
        text.server_requests(snapshots);
        text.attempts(snapshots);
        text.durations(snapshots);
        text.out
    }

    fn ends(&self) -> [(&'static str, u64); 9] {
        [
            ("stored", self.stored),
            ("degraded", self.degraded),
            ("written", self.written),
            ("rejected", self.rejected),
            ("busy", self.busy),
            ("not_sent", self.not_sent),
            ("maybe_stored", self.maybe_stored),
            ("dropped", self.dropped),
            ("abandoned", self.abandoned),
        ]
    }
}

impl ServerRequestMetrics {
    fn ends(&self) -> [(&'static str, u64); 8] {
        [
            ("checks", self.checks),
            ("checks_ignored", self.checks_ignored),
            ("replies", self.replies),
            ("replies_unmatched", self.replies_unmatched),
            ("for_consumers", self.for_consumers),
            ("malformed", self.malformed),
            ("unknown", self.unknown),
            ("refused", self.refused),
        ]
    }
}

impl BrokerMetrics {
    fn ends(&self) -> [(&'static str, u64); 8] {
        [
            ("stored", self.stored),
            ("degraded", self.degraded),
            ("written", self.written),
            ("rejected", self.rejected),
            ("busy", self.busy),
            ("not_sent", self.not_sent),
            ("maybe_stored", self.maybe_stored),
            ("dropped", self.dropped),
        ]
    }
}

type Label<'a> = (&'static str, &'a str);
type Family = (&'static str, &'static str, &'static str, fn(&MetricsSnapshot) -> u64);

/// Families of one sample per producer.
const SINGLE: [Family; 7] = [
    ("rmq_producer_sends_accepted_total", "counter", "Sends that were let in.", |snapshot| snapshot.accepted),
    (
        "rmq_producer_sends_refused_total",
        "counter",
        "Sends that were not let in: no room, no valid message, or shut down.",
        |snapshot| snapshot.refused,
    ),
    ("rmq_producer_sends_in_flight", "gauge", "Sends that have begun and are not over.", |snapshot| snapshot.in_flight),
    (
        "rmq_producer_queued_bytes",
        "gauge",
        "Bytes of the bodies and properties of sends that are not over.",
        |snapshot| snapshot.queued_bytes,
    ),
    (
        "rmq_producer_compression_failures_total",
        "counter",
        "Bodies that were sent as they are because their compressor failed.",
        |snapshot| snapshot.compression_failures,
    ),
    ("rmq_producer_callback_panics_total", "counter", "Callbacks that panicked.", |snapshot| snapshot.callback_panics),
    ("rmq_producer_hook_panics_total", "counter", "Calls of hooks that panicked.", |snapshot| snapshot.hook_panics),
];

fn labels(snapshot: &MetricsSnapshot) -> [Label<'_>; 2] {
    [("group", &*snapshot.group), ("client_id", &*snapshot.client_id)]
}

#[derive(Default)]
struct Text {
    out: String,
}

impl Text {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        self.push(format_args!("# HELP {name} {help}\n# TYPE {name} {kind}\n"));
    }

    fn sample(&mut self, name: &str, labels: &[Label<'_>], value: u64) {
        self.labelled(name, labels);
        self.push(format_args!(" {value}\n"));
    }

    fn labelled(&mut self, name: &str, labels: &[Label<'_>]) {
        self.out.push_str(name);
        for (at, (label, value)) in labels.iter().enumerate() {
            self.push(format_args!("{}{label}=\"", if at == 0 { '{' } else { ',' }));
            for symbol in value.chars() {
                match symbol {
                    '\\' => self.out.push_str("\\\\"),
                    '"' => self.out.push_str("\\\""),
                    '\n' => self.out.push_str("\\n"),
                    other => self.out.push(other),
                }
            }
            self.out.push('"');
        }
        self.out.push('}');
    }

    fn server_requests(&mut self, snapshots: &[MetricsSnapshot]) {
        let requests = "rmq_producer_server_requests_total";
        let help = "Requests of brokers, by what became of them; producers of one client id show the same.";
        self.family(requests, "counter", help);
        for snapshot in snapshots {
            for (outcome, count) in snapshot.server_requests.ends() {
                self.sample(requests, &[&labels(snapshot)[..], &[("outcome", outcome)]].concat(), count);
            }
        }
    }

    fn attempts(&mut self, snapshots: &[MetricsSnapshot]) {
        let sent = "messaging_client_sent_messages_total";
        self.family(sent, "counter", "Attempts at a broker that are over, by how they ended.");
        for (labels, broker) in brokers(snapshots) {
            for (outcome, count) in broker.ends() {
                self.sample(sent, &[&labels[..], &[("outcome", outcome)]].concat(), count);
            }
        }
        let in_flight = "rmq_producer_attempts_in_flight";
        self.family(in_flight, "gauge", "Attempts at a broker that are not over.");
        for (labels, broker) in brokers(snapshots) {
            self.sample(in_flight, &labels, broker.in_flight);
        }
        let queued = "rmq_producer_unwritten_bytes";
        self.family(queued, "gauge", "Bytes of requests that wait to be written on connections to a broker.");
        for (labels, broker) in brokers(snapshots) {
            self.sample(queued, &labels, broker.queued_bytes);
        }
        let retries = "rmq_producer_retries_total";
        self.family(retries, "counter", "Attempts at a broker that were followed by another, by the reason.");
        for (labels, broker) in brokers(snapshots) {
            for (reason, count) in &broker.retries {
                self.sample(retries, &[&labels[..], &[("reason", reason.name())]].concat(), *count);
            }
        }
    }

    fn durations(&mut self, snapshots: &[MetricsSnapshot]) {
        let name = "messaging_client_operation_duration_seconds";
        self.family(
            name,
            "histogram",
            "How long the attempts took that stored a message (Java 5: rocketmq_send_cost_time, in ms).",
        );
        for (labels, broker) in brokers(snapshots) {
            let (bucket, count) = (format!("{name}_bucket"), broker.latency.count());
            for power in SHORTEST..=LONGEST {
                let bound = Duration::from_micros(1 << power);
                let le = bound.as_secs_f64().to_string();
                self.sample(&bucket, &[&labels[..], &[("le", &le)]].concat(), below(&broker.latency, bound));
            }
            self.sample(&bucket, &[&labels[..], &[("le", "+Inf")]].concat(), count);
            self.labelled(&format!("{name}_sum"), &labels);
            self.push(format_args!(" {}\n", broker.latency.total().as_secs_f64()));
            self.sample(&format!("{name}_count"), &labels, count);
        }
    }

    fn push(&mut self, text: std::fmt::Arguments<'_>) {
        // Writing to a String cannot fail.
        self.out.write_fmt(text).unwrap_or_default();
    }
}

fn brokers(snapshots: &[MetricsSnapshot]) -> impl Iterator<Item = ([Label<'_>; 3], &BrokerMetrics)> {
    snapshots.iter().flat_map(|snapshot| {
        let [group, client_id] = labels(snapshot);
        snapshot.brokers.iter().map(move |broker| ([group, client_id, ("broker", &*broker.name)], broker))
    })
}

/// How many took less than this power of two; buckets end one microsecond below them.
fn below(latency: &LatencyBuckets, bound: Duration) -> u64 {
    latency.iter().take_while(|(last, _)| *last < bound).map(|(_, count)| count).sum()
}

/// The bounds of the histogram, always the same, are powers of two of microseconds: from 64 µs to 34 s.
const SHORTEST: u32 = 6;
const LONGEST: u32 = 25;

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};
    use std::sync::Arc;

    use super::super::latency::Latency;
    use super::*;
    use crate::error::SendErrorKind;

    /// A sample as a reader of the format sees it.
    #[derive(Debug, PartialEq)]
    struct Sample {
        name: String,
        labels: BTreeMap<String, String>,
        value: f64,
    }

    /// Reads the text strictly: help, type, then the samples of that family and of no other, each family and each sample once.
    fn read(text: &str) -> Vec<Sample> {
        assert!(text.ends_with('\n'));
        let (mut families, mut seen, mut samples) = (BTreeSet::new(), BTreeSet::new(), Vec::new());
        let mut family = (String::new(), String::new());
        let mut lines = text.lines();
        while let Some(line) = lines.next() {
            if let Some(help) = line.strip_prefix("# HELP ") {
                let (name, help) = help.split_once(' ').expect("a help text");
                assert!(families.insert(name.to_owned()) && !help.is_empty() && !help.contains('\\'), "{line}");
                let kind = lines.next().and_then(|line| line.strip_prefix(&format!("# TYPE {name} "))).expect("a type");
                assert!(["counter", "gauge", "histogram"].contains(&kind), "{kind}");
                assert_eq!(kind == "counter", name.ends_with("_total"), "{name}");
                family = (name.to_owned(), kind.to_owned());
                continue;
            }
            assert!(seen.insert(line.rsplit_once(' ').expect("a value").0.to_owned()), "twice: {line}");
            let sample = read_sample(line);
            let of_family = match family.1.as_str() {
                "histogram" => ["_bucket", "_sum", "_count"].iter().any(|end| sample.name == family.0.clone() + end),
                _ => sample.name == family.0,
            };
            assert!(of_family, "{line} is none of {family:?}");
            samples.push(sample);
        }
        samples
    }

    fn read_sample(line: &str) -> Sample {
        let (name, mut rest) = line.split_once('{').expect("labels");
        let legal = |symbol: char| symbol.is_ascii_alphanumeric() || symbol == '_';
        assert!(name.chars().all(legal), "{name}");
        let mut labels = BTreeMap::new();
        loop {
            let (label, value) = rest.split_once("=\"").expect("a label");
            assert!(label.chars().all(legal), "{label}");
            let (mut text, mut symbols) = (String::new(), value.char_indices());
            let end = loop {
                match symbols.next().expect("a closing quote") {
                    (at, '"') => break at,
                    (_, '\\') => text.push(match symbols.next().expect("an escaped symbol").1 {
                        'n' => '\n',
                        same @ ('\\' | '"') => same,
                        other => panic!("\\{other} is no escape"),
                    }),
                    (_, other) => text.push(other),
                }
            };
            assert!(labels.insert(label.to_owned(), text).is_none(), "{label} twice");
            rest = &value[end + 1..];
            match rest.strip_prefix(',') {
                Some(more) => rest = more,
                None => break,
            }
        }
        let value = rest.strip_prefix("} ").and_then(|value| value.parse().ok()).expect("a number");
        Sample { name: name.to_owned(), labels, value }
    }

    fn value(samples: &[Sample], name: &str, wanted: &[(&str, &str)]) -> f64 {
        let fits = |sample: &&Sample| {
            sample.name == name
                && wanted.iter().all(|(label, value)| sample.labels.get(*label).is_some_and(|found| found == value))
        };
        let found: Vec<_> = samples.iter().filter(fits).collect();
        assert_eq!(found.len(), 1, "{name} {wanted:?}: {found:?}");
        found[0].value
    }

    fn broker(name: &str) -> BrokerMetrics {
        let latency = Latency::default();
        for micros in [50, 64, 1_000, 3_000_000, 100_000_000] {
            latency.record(Duration::from_micros(micros));
        }
        let retries = vec![(SendErrorKind::Busy, 4), (SendErrorKind::Connect, 2)];
        BrokerMetrics {
            name: Arc::from(name),
            sent: 9,
            in_flight: 1,
            queued_bytes: 77,
            stored: 5,
            degraded: 0,
            written: 0,
            rejected: 0,
            busy: 3,
            not_sent: 0,
            maybe_stored: 0,
            dropped: 0,
            retries,
            latency: latency.snapshot(),
        }
    }

    fn snapshot(group: &str) -> MetricsSnapshot {
        MetricsSnapshot {
            group: Arc::from(group),
            client_id: Arc::from("10.0.0.1@7"),
            accepted: 6,
            in_flight: 1,
            stored: 5,
            compression_failures: 2,
            server_requests: ServerRequestMetrics { checks_ignored: 3, ..ServerRequestMetrics::default() },
            brokers: vec![broker("broker-a"), broker("broker-b")],
            ..MetricsSnapshot::default()
        }
    }

    #[test]
    fn the_text_says_what_the_snapshot_says() {
        let samples = read(&snapshot("orders").prometheus_text());
        assert!(samples.iter().all(|sample| sample.labels["group"] == "orders"));
        assert!(samples.iter().all(|sample| sample.labels["client_id"] == "10.0.0.1@7"));
        let value = |name, labels: &[_]| value(&samples, name, labels);
        assert_eq!(value("rmq_producer_sends_accepted_total", &[]), 6.0);
        assert_eq!(value("rmq_producer_sends_in_flight", &[]), 1.0);
        assert_eq!(value("rmq_producer_compression_failures_total", &[]), 2.0);
        assert_eq!(value("rmq_producer_sends_total", &[("outcome", "stored")]), 5.0);
        assert_eq!(value("rmq_producer_sends_total", &[("outcome", "abandoned")]), 0.0);
        assert_eq!(value("rmq_producer_retries_total", &[("broker", "broker-b"), ("reason", "busy")]), 4.0);
        assert_eq!(value("rmq_producer_server_requests_total", &[("outcome", "checks_ignored")]), 3.0);
        assert_eq!(value("rmq_producer_unwritten_bytes", &[("broker", "broker-a")]), 77.0);
        let busy = [("broker", "broker-a"), ("outcome", "busy")];
        assert_eq!(value("messaging_client_sent_messages_total", &busy), 3.0);
    }

    #[test]
    fn the_ends_are_all_of_them() {
        let (one, of_broker) = (snapshot("g"), broker("b"));
        assert_eq!(one.ends().iter().map(|(_, count)| count).sum::<u64>(), one.ended());
        assert_eq!(of_broker.ends().iter().map(|(_, count)| count).sum::<u64>(), of_broker.ended());
    }

    #[test]
    fn the_histogram_counts_upwards_from_bound_to_bound() {
        let samples = read(&snapshot("orders").prometheus_text());
        let name = "messaging_client_operation_duration_seconds";
        let of_a = |sample: &&Sample| sample.labels.get("broker").is_some_and(|broker| broker == "broker-a");
        let buckets = samples.iter().filter(|sample| sample.name == format!("{name}_bucket")).filter(of_a);
        let buckets: Vec<(f64, f64)> =
            buckets.map(|sample| (sample.labels["le"].parse().expect("a number"), sample.value)).collect();
        assert!(buckets.windows(2).all(|pair| pair[0].0 < pair[1].0 && pair[0].1 <= pair[1].1), "{buckets:?}");
        let at = |bound: f64| buckets.iter().find(|(le, _)| *le == bound).expect("a bucket").1;
        assert_eq!((at(0.000064), at(0.000128), at(0.000512), at(0.001024)), (1.0, 2.0, 2.0, 3.0));
        assert_eq!((at(33.554432), at(f64::INFINITY)), (4.0, 5.0));
        let broker = [("broker", "broker-a")];
        assert_eq!(value(&samples, &format!("{name}_count"), &broker), 5.0);
        assert_eq!(value(&samples, &format!("{name}_sum"), &broker), 103.001114);
    }

    #[test]
    fn labels_survive_every_symbol_that_would_end_them() {
        let odd = "a\"b\\n\n,}= {é";
        let samples = read(&snapshot(odd).prometheus_text());
        assert!(samples.iter().all(|sample| sample.labels["group"] == odd));
    }

    #[test]
    fn families_of_several_producers_are_in_one_piece() {
        let samples = read(&MetricsSnapshot::prometheus_text_of(&[snapshot("orders"), snapshot("bills")]));
        assert_eq!(value(&samples, "rmq_producer_sends_accepted_total", &[("group", "bills")]), 6.0);
        let one = read(&snapshot("orders").prometheus_text());
        assert_eq!(samples.len(), 2 * one.len());
        assert!(read(&MetricsSnapshot::default().prometheus_text()).len() > 10);
    }
}
