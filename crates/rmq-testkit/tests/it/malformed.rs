//! Bytes that are no frames end the connection, as recorded; the server goes on.

use std::time::Duration;

use rmq_testkit::{Dialect, TestCluster};
use tokio::time::timeout;

use crate::recording::{Event, Recording};
use crate::wire::Peer;

/// What real servers let pass and ours does not: 4.9.7 the first two, 5.5.0 too the last.
const LENIENT: [&str; 3] = ["case: json-bad-utf8", "case: json-opaque-too-big", "case: json-no-code"];

#[tokio::test]
async fn malformed_frames_end_their_connection_as_recorded() {
    for (version, dialect) in [("4.9.7", Dialect::V4_9), ("5.5.0", Dialect::V5)] {
        let cluster = TestCluster::builder().dialect(dialect).start().await.unwrap();
        let recording = Recording::load(&format!("raw-{version}-malformed-frames"));
        let mut cases = 0;
        for case in split_at_cases(&recording.events) {
            let name = case[0].note.clone().unwrap_or_default();
            if LENIENT.contains(&name.as_str()) {
                continue;
            }
            let Some(first) = case.iter().find(|event| event.dir.as_deref() == Some(">")).and_then(Event::bytes) else {
                continue;
            };
            // Whoever closes first decided.
            let closed = case
                .iter()
                .find(|event| event.event.as_deref() == Some("close"))
                .is_some_and(|event| event.by.as_deref() == Some("server"));
            let answered = case.iter().any(|event| event.dir.as_deref() == Some("<"));
            let mut peer = Peer::tcp(&cluster.broker("broker-a").address()).await;
            peer.write(&first).await;
            // Only for silence there is nothing to wait for.
            let patience = Duration::from_secs(if answered || closed { 60 } else { 1 });
            let heard = timeout(patience, peer.receive()).await;
            match (answered, closed) {
                (true, _) => assert!(matches!(heard, Ok(Ok(_))), "{version} {name}: {heard:?}"),
                (false, true) => assert!(matches!(heard, Ok(Err(_))), "{version} {name}: {heard:?}"),
                (false, false) => assert!(heard.is_err(), "{version} {name}: {heard:?}"),
            }
            cases += 1;
        }
        assert!(cases >= 6, "{cases}");
    }
}

fn split_at_cases(events: &[Event]) -> Vec<&[Event]> {
    let starts: Vec<usize> = (0..events.len())
        .filter(|&at| events[at].note.as_deref().is_some_and(|note| note.starts_with("case: ")))
        .collect();
    let ends = starts.iter().skip(1).copied().chain([events.len()]);
    starts.iter().copied().zip(ends).map(|(start, end)| &events[start..end]).collect()
}
