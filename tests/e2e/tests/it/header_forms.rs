//! Both header encodings and both forms of the send header: four ways to say the same.

use rmq_producer::{HeaderEncoding, Message, SendHeaderVersion};

use crate::expectation::assert_holds;
use crate::place::everywhere;

#[test]
fn all_four_header_forms_store_the_same_message() {
    everywhere(async |place| {
        let topic = place.topic("header-forms", 3).await;
        let mut sent = Vec::new();
        for version in [SendHeaderVersion::V1, SendHeaderVersion::V2] {
            for encoding in [HeaderEncoding::Json, HeaderEncoding::Rocketmq] {
                let builder = place.builder().send_header(version).header_encoding(encoding);
                let producer = builder.start().await.expect("the name server answers");
                let message = Message::new(&*topic, format!("{version:?} {encoding:?}"))
                    .tag("tag")
                    .keys(["one", "two"])
                    .property("schlüssel", "wert")
                    .flag(-1);
                let result = producer
                    .send(message.clone())
                    .await
                    .unwrap_or_else(|error| panic!("{version:?} {encoding:?}: {error}"));
                sent.push((message, result));
                producer.shutdown(std::time::Duration::from_secs(60)).await;
            }
        }
        assert_holds(place, &topic, &sent).await;
    });
}
