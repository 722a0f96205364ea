//! The lines that a reader copies into a program of their own.
//!
//! README.md of the repository and of rmq-producer show the same text, and there it is compiled; a test holds them together.

/// Four lines, without a line feed at the end.
pub(crate) const LINES: &str = r#"use rmq_producer::{Message, Producer};
let producer = Producer::builder("orders").name_servers("127.0.0.1:9876").start().await?;
let sent = producer.send(Message::new("orders", "hello").tag("paid").key("42")).await?;
println!("{} is in {} at {}", sent.message_id(), sent.queue(), sent.queue_offset());"#;

/// The lines with the name servers that the reader has just used.
pub(crate) fn lines_for(name_servers: Option<&str>) -> String {
    match name_servers {
        Some(own) => LINES.replace(EXAMPLE_ADDRESS, own),
        None => LINES.to_owned(),
    }
}

const EXAMPLE_ADDRESS: &str = "127.0.0.1:9876";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_four_lines_and_the_address_can_be_the_readers_own() {
        assert_eq!(LINES.lines().count(), 4);
        assert_eq!(lines_for(None), LINES);
        assert!(lines_for(Some("mq:9876")).contains("name_servers(\"mq:9876\")"));
    }
}
