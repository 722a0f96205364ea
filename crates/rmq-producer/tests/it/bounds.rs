//! What a producer holds is bounded, and comes back whatever happens.

use rmq_producer::{InFlightLimits, Message, SendErrorKind};
use rmq_testkit::{Fault, RequestCode};

use crate::world::*;

#[tokio::test(start_paused = true)]
async fn sends_that_wait_for_a_route_take_room_as_well() {
    let cluster = start(one_broker()).await;
    cluster.name_server().on(RequestCode::GET_ROUTEINFO_BY_TOPIC, Fault::silent());
    let limits = InFlightLimits::new(1_000, 10 << 20);
    let producer = builder(&cluster).check_name_servers(false).back_pressure(limits).start().await.unwrap();
    let message = || Message::new("orders", vec![1; 1 << 20]);
    let mut handles = Vec::new();
    while let Ok(handle) = producer.try_enqueue(message()) {
        handles.push(handle);
    }
    assert_eq!(handles.len(), 9, "a mebibyte each, and their properties");
    let metrics = producer.metrics();
    assert!(metrics.queued_bytes <= 10 << 20 && metrics.queued_bytes >= 9 << 20, "{metrics:?}");
    assert_eq!(producer.send(message()).timeout(seconds(1)).await.unwrap_err().kind(), SendErrorKind::NoRoom);
    assert_eq!(producer.send_oneway(message()).timeout(seconds(1)).await.unwrap_err().kind(), SendErrorKind::NoRoom);
    for handle in handles {
        assert!(!handle.await.unwrap_err().possibly_stored());
    }
    assert_eq!((producer.in_flight(), producer.metrics().queued_bytes), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_thousand_refusals_of_every_kind_leave_nothing() {
    let cluster = start(one_broker()).await;
    let producer = builder(&cluster).back_pressure(InFlightLimits::new(2, 1_000)).start().await.unwrap();
    producer.send(hello()).await.unwrap();
    cluster.on(RequestCode::SEND_MESSAGE_V2, &Fault::silent());
    let held = producer.enqueue(Message::new("orders", vec![1; 900])).timeout(seconds(3_600)).await.unwrap();
    for _ in 0..1_000 {
        let large = Message::new("orders", vec![1; 200]);
        assert_eq!(producer.try_enqueue(large.clone()).unwrap_err().kind(), SendErrorKind::NoRoom);
        let error = producer.send(large).timeout(milliseconds(1)).await.unwrap_err();
        assert_eq!(error.kind(), SendErrorKind::NoRoom);
        let error = producer.send(Message::new("orders", "x")).timeout(milliseconds(1)).await.unwrap_err();
        assert_eq!(error.kind(), SendErrorKind::Timeout, "there was room for that one");
    }
    assert_eq!(producer.in_flight(), 1);
    drop(held);
    producer.shutdown(seconds(0)).await;
    assert_eq!((producer.in_flight(), producer.metrics().queued_bytes, producer.tasks()), (0, 0, 0));
}
