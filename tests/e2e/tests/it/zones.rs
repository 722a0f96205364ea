//! Zones of 5.x: a name server shows a client the brokers of its own zone only, where the client asks for that.

use real_servers::ClusterSpec;
use rmq_producer::{Message, SendErrorKind};

use crate::place::{Release, in_real_places_alone};

#[test]
fn a_producer_of_a_zone_is_shown_the_brokers_of_its_zone() {
    in_real_places_alone(
        |_| ClusterSpec::brokers(1).jvm_option("-Drocketmq.zone=zone-1"),
        async |place| {
            let topic = place.topic("zones", 2).await;
            // Zone, mode, and whether brokers of zone-1 are shown.
            for (zone, mode, shown) in [
                ("zone-1", Some(true), true),
                ("zone-2", Some(true), false),
                ("zone-2", Some(false), true),
                ("zone-2", None, true),
            ] {
                let shown = shown || place.release() == Release::V4; // which knows no zones
                let mut builder = place.builder().zone(zone);
                if let Some(mode) = mode {
                    builder = builder.zone_mode(mode);
                }
                let producer = builder.start().await.expect("the name server answers");
                match producer.send(Message::new(&*topic, "hello")).await {
                    Ok(sent) => assert!(shown, "{zone} {mode:?}: {sent:?}"),
                    Err(error) => {
                        assert!(!shown, "{zone} {mode:?}: {error:?}");
                        assert_eq!(error.kind(), SendErrorKind::NoWritableQueue, "{error:?}");
                    }
                }
            }
        },
    );
}
