//! The four statuses of a stored message, as brokers that are configured for more safety than they reach give them.

use std::collections::BTreeMap;

use real_servers::{BrokerSpec, ClusterSpec};
use rmq_producer::{Message, SendStatus};
use rmq_remoting::{RequestCode, ResponseCode};
use rmq_testkit::Fault;

use crate::expectation::assert_holds;
use crate::place::{Release, eventually, in_real_places_alone, in_scripted_places};

#[test]
fn every_status_of_a_real_broker_is_a_result() {
    in_real_places_alone(spec, async |place| {
        let topic = place.topic("statuses", 1).await;
        let producer = place.producer().await;
        let mut sent = Vec::new();
        let mut by_broker: BTreeMap<String, Vec<SendStatus>> = BTreeMap::new();
        // A disk that is fast for once answers SEND_OK.
        eventually("the slow disk is too slow", async || {
            for _ in 0..3 {
                let message = Message::new(&*topic, vec![b'x'; 50_000 + sent.len()]);
                let result = producer.send(message.clone()).await.expect("every status means stored");
                by_broker.entry(result.queue().broker_name().to_string()).or_default().push(result.status());
                sent.push((message, result));
            }
            by_broker["slow-disk"].contains(&SendStatus::FlushDiskTimeout)
        })
        .await;
        let without_slave = match place.release() {
            Release::V4 => SendStatus::SlaveNotAvailable,
            Release::V5 => SendStatus::FlushSlaveTimeout,
        };
        let possible = BTreeMap::from([
            ("broker-a", vec![SendStatus::SendOk]),
            ("slow-disk", vec![SendStatus::FlushDiskTimeout, SendStatus::SendOk]),
            ("without-slave", vec![without_slave]),
        ]);
        assert_eq!(by_broker.len(), possible.len());
        for (broker, statuses) in &by_broker {
            assert!(statuses.iter().all(|status| possible[&**broker].contains(status)), "{broker}: {statuses:?}");
        }
        assert_holds(place, &topic, &sent).await;

        // Who does not wait for safety gets SEND_OK from each.
        for number in 0..3 {
            let message = Message::new(&*topic, format!("hasty {number}")).wait_store_ok(false);
            let result = producer.send(message.clone()).await.expect("it is stored");
            assert_eq!(result.status(), SendStatus::SendOk, "{}", result.queue());
            sent.push((message, result));
        }
        assert_holds(place, &topic, &sent).await;
    });
}

/// A broker that cannot flush in time, and one that has no slave to copy to.
fn spec(release: Release) -> ClusterSpec {
    let slow_disk =
        BrokerSpec::master("slow-disk").property("flushDiskType", "SYNC_FLUSH").property("syncFlushTimeout", "1");
    let without_slave = BrokerSpec::master("without-slave").property("brokerRole", "SYNC_MASTER");
    let without_slave = match release {
        Release::V4 => without_slave,
        Release::V5 => {
            without_slave.property("slaveTimeout", "500").property("inSyncReplicas", "2").property("totalReplicas", "2")
        }
    };
    ClusterSpec::brokers(1).broker(slow_disk).broker(without_slave)
}

#[test]
fn every_status_of_a_scripted_broker_is_a_result() {
    in_scripted_places(async |place, cluster| {
        let topic = place.topic("statuses", 1).await;
        let producer = place.producer().await;
        let mut sent = Vec::new();
        for (code, status) in [
            (ResponseCode::SUCCESS, SendStatus::SendOk),
            (ResponseCode::FLUSH_DISK_TIMEOUT, SendStatus::FlushDiskTimeout),
            (ResponseCode::FLUSH_SLAVE_TIMEOUT, SendStatus::FlushSlaveTimeout),
            (ResponseCode::SLAVE_NOT_AVAILABLE, SendStatus::SlaveNotAvailable),
        ] {
            cluster.clear_faults();
            cluster.on(RequestCode::SEND_MESSAGE_V2, &Fault::status(code));
            let message = Message::new(&*topic, status.name());
            let result = producer.send(message.clone()).await.expect("every status means stored");
            assert_eq!(result.status(), status);
            sent.push((message, result));
        }
        assert_holds(place, &topic, &sent).await;
    });
}
