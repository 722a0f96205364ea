//! R13: the end comes in time.

use rmq_testkit::{Fault, RequestCode};
use tokio::time::Instant;

use crate::load::{begin, send};
use crate::world::*;

#[tokio::test(start_paused = true)]
async fn r13_a_shutdown_keeps_to_its_grace_whatever_the_brokers_do() {
    for silent in [false, true] {
        for grace in [0, 1, 20, 500, 5000].map(milliseconds) {
            let cluster = start(two_brokers()).await;
            let producer = with_defaults(&cluster).send_timeout(seconds(60)).start().await.unwrap();
            for _ in 0..8 {
                send(&producer).await;
            }
            cluster.on(RequestCode::SEND_MESSAGE_V2, &Fault::silent());
            let sends = begin(&producer, 50).await;
            if silent {
                cluster.brokers().iter().for_each(rmq_testkit::Broker::freeze);
            }
            let began = Instant::now();
            let report = producer.shutdown(grace).await;
            assert!(began.elapsed() <= grace + milliseconds(100), "{grace:?}: {:?}", began.elapsed());
            assert_eq!(report.unfinished, 50);
            assert!(sends.join_all().await.iter().all(|sent| !sent.is_ok()));
            assert_eq!(producer.tasks(), 0);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn r13_with_nothing_in_flight_it_is_done_at_once() {
    let cluster = start(two_brokers()).await;
    let producer = with_defaults(&cluster).start().await.unwrap();
    for _ in 0..8 {
        send(&producer).await;
    }
    let began = Instant::now();
    let report = producer.shutdown(seconds(30)).await;
    assert!(began.elapsed() <= milliseconds(50), "{:?}", began.elapsed());
    assert_eq!((report.unfinished, report.unregistered), (0, 2));
}
