//! Whether the brokers really have what they confirmed.
//!
//! The cluster of this process is opened up and compared byte by byte; another one is asked where its queues end.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::time::Duration;

use rmq_producer::ProducerConfig;
use rmq_remoting::Endpoint;
use rmq_testkit::TestCluster;

use super::{Sent, messages};
use crate::look_up::LookUp;
use crate::number::Count;

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Proof {
    /// All of this many confirmed messages are there; and how that was found out.
    Stored { confirmed: u64, how: String },
    /// Something is missing or wrong.
    Wrong(String),
    /// It could not be found out, which disproves nothing.
    Unknown(String),
}

impl Proof {
    /// Not disproved.
    pub(super) fn holds(&self) -> bool {
        !matches!(self, Self::Wrong(_))
    }

    pub(super) fn of_cluster(cluster: &TestCluster, topic: &str, sent: &[Sent]) -> Self {
        let stored = cluster.messages(topic);
        let mut copies: HashMap<&str, Vec<_>> = HashMap::new();
        for copy in &stored {
            copies.entry(copy.unique_id().unwrap_or_default()).or_default().push(copy);
        }
        let (mut confirmed, mut told, mut spare) = (0, 0, 0);
        for sent in sent.iter().filter(|sent| sent.record.status.is_some()) {
            confirmed += 1;
            let id = sent.record.message_id.as_deref().unwrap_or_default();
            let allowed = 1 + sent.record.maybe_stored_attempts;
            let copies = copies.get(id).map(Vec::as_slice).unwrap_or_default();
            let problem = if copies.is_empty() {
                "is not there"
            } else if copies.len() > allowed {
                "is there more often than its attempts told"
            } else if !copies.iter().all(|copy| copy.plain_body().is_ok_and(|body| body == messages::body(sent.number)))
            {
                "has another body than was sent"
            } else {
                told += sent.record.maybe_stored_attempts as u64;
                spare += copies.len() as u64 - 1;
                continue;
            };
            return Self::Wrong(format!("message {} ({id}) {problem}", sent.number + 1));
        }
        let how = match spare {
            0 => "each exactly once and with the body that was sent".to_owned(),
            spare => {
                let (spare, told) = (Count(spare), Count(told));
                format!(
                    "each with the body that was sent; {spare} of {told} more copies that attempts told of are there, too"
                )
            }
        };
        Self::Stored { confirmed, how }
    }

    pub(super) async fn of_offsets(config: &ProducerConfig, topic: &str, sent: &[Sent]) -> Self {
        match Self::ask(config, topic, sent).await {
            Ok(proof) => proof,
            Err(error) => Self::Unknown(format!("{error:#}")),
        }
    }

    async fn ask(config: &ProducerConfig, topic: &str, sent: &[Sent]) -> anyhow::Result<Self> {
        let queues = match places(sent) {
            Ok(queues) => queues,
            Err(problem) => return Ok(Self::Wrong(problem)),
        };
        let look_up = LookUp::new(config, config.api_timeout)?;
        // A topic that this demo created may not have come from the brokers to the name server yet.
        let mut tries = 0;
        let route = loop {
            tries += 1;
            match look_up.route(topic).await {
                Ok(route) if queues.keys().all(|(broker, _)| route.master_address(broker).is_some()) => break route,
                Ok(_) if tries >= TRIES => anyhow::bail!("the route does not name all brokers yet"),
                Err(error) if tries >= TRIES => return Err(error),
                Ok(_) | Err(_) => tokio::time::sleep(Duration::from_millis(500)).await,
            }
        };
        let mut confirmed = 0;
        for ((broker, queue_id), offsets) in &queues {
            let address = route.master_address(broker).unwrap_or_default();
            let end = look_up.end_of_queue(&Endpoint::parse(address)?, topic, *queue_id).await?;
            confirmed += offsets.len() as u64;
            if let Some(beyond) = offsets.last().filter(|last| **last >= end) {
                return Ok(Self::Wrong(format!(
                    "{broker} confirmed offset {beyond} of queue {queue_id}, but says that the queue ends at {end}"
                )));
            }
        }
        look_up.close().await;
        Ok(Self::Stored {
            confirmed,
            how: "each at a place of its own, and the queues reach beyond the last of them".to_owned(),
        })
    }
}

/// The confirmed offsets by queue; or what is wrong with them.
fn places(sent: &[Sent]) -> Result<BTreeMap<(&str, i32), BTreeSet<i64>>, String> {
    let mut queues: BTreeMap<_, BTreeSet<i64>> = BTreeMap::new();
    for Sent { record, .. } in sent.iter().filter(|sent| sent.record.status.is_some()) {
        let (Some(broker), Some(id), Some(offset)) = (&record.broker_name, record.queue_id, record.queue_offset) else {
            continue;
        };
        if !queues.entry((broker.as_str(), id)).or_default().insert(offset) {
            return Err(format!("{broker} confirmed offset {offset} of queue {id} twice"));
        }
    }
    Ok(queues)
}

impl fmt::Display for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stored { confirmed, how } => write!(f, "Checked: the brokers hold all {}, {how}.", Count(*confirmed)),
            Self::Wrong(problem) => write!(f, "WRONG: {problem}."),
            Self::Unknown(reason) => write!(f, "Not checked whether the brokers hold them all: {reason}."),
        }
    }
}

const TRIES: u32 = 20;

#[cfg(test)]
mod tests {
    use rmq_producer::Producer;
    use rmq_testkit::{Fault, RequestCode};

    use super::*;
    use crate::send_record::SendRecord;

    fn sent(queue_id: i32, queue_offset: i64) -> Sent {
        let mut record = SendRecord::oneway("t", Duration::ZERO);
        record.broker_name = Some("a".to_owned());
        (record.queue_id, record.queue_offset) = (Some(queue_id), Some(queue_offset));
        Sent { number: 0, record }
    }

    #[test]
    fn a_place_that_was_given_twice_is_found() {
        assert_eq!(places(&[sent(0, 1), sent(1, 1), sent(0, 2)]).unwrap().len(), 2);
        assert_eq!(places(&[sent(0, 1), sent(0, 1)]).unwrap_err(), "a confirmed offset 1 of queue 0 twice");
    }

    #[tokio::test]
    async fn a_second_copy_is_right_only_where_an_attempt_told_of_it() {
        let cluster = TestCluster::builder().brokers(2).topic("t", 1).start().await.expect("free ports");
        cluster.on(RequestCode::SEND_MESSAGE_V2, &Fault::store_then_cut().times(1));
        let builder = Producer::builder("pg").name_servers(cluster.name_servers());
        // The clock is real, and the machine may be busy.
        let producer = builder.send_timeout(Duration::from_secs(60)).start().await.expect("a name server");
        // Each broker has a fault of its own: the third attempt gets through.
        let result = producer.send(messages::message("t", 7)).await.expect("stored in the end");
        let mut record = SendRecord::stored(&result, Duration::ZERO);
        assert_eq!((record.attempts, record.maybe_stored_attempts), (3, 2));
        let told = Proof::of_cluster(&cluster, "t", &[Sent { number: 7, record: record.clone() }]);
        let how =
            "each with the body that was sent; 2 of 2 more copies that attempts told of are there, too".to_owned();
        assert_eq!(told, Proof::Stored { confirmed: 1, how });
        record.maybe_stored_attempts = 1;
        let untold = Proof::of_cluster(&cluster, "t", &[Sent { number: 7, record: record.clone() }]);
        assert!(matches!(&untold, Proof::Wrong(why) if why.ends_with("is there more often than its attempts told")));
        let swapped = Proof::of_cluster(
            &cluster,
            "t",
            &[Sent { number: 8, record: SendRecord { maybe_stored_attempts: 2, ..record } }],
        );
        assert!(matches!(&swapped, Proof::Wrong(why) if why.ends_with("has another body than was sent")));
    }

    #[tokio::test]
    async fn a_confirmed_message_that_no_broker_has_is_found() {
        let cluster = TestCluster::builder().topic("t", 1).start().await.expect("free ports");
        let mut lost = sent(0, 0);
        lost.record.message_id = Some("7F".to_owned());
        let proof = Proof::of_cluster(&cluster, "t", &[lost]);
        assert_eq!(proof, Proof::Wrong("message 1 (7F) is not there".to_owned()));
        assert!(!proof.holds());
    }
}
