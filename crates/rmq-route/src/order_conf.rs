//! The queue list of an ordered topic as operators write it: `broker-a:4;broker-b:4`.
//!
//! Java throws at the first item it cannot read and keeps the topic's last queues; here a bad item is left out and
//! reported, and the good ones stay in the order of the text.

use std::fmt;
use std::sync::Arc;

/// An order configuration, read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[doc(alias("orderTopicConf", "ORDER_TOPIC_CONFIG"))]
pub struct OrderConf {
    items: Vec<OrderItem>,
    defects: Vec<OrderConfDefect>,
}

/// Queues 0 to `queue_count` − 1 of one broker.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct OrderItem {
    /// The broker name.
    pub broker_name: Arc<str>,
    /// How many queues; never negative.
    pub queue_count: u32,
}

/// An item that was left out, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OrderConfDefect {
    /// Two separators with nothing between them.
    #[error("an item is empty")]
    Empty,
    /// No broker name before the colon.
    #[error("the item {item:?} names no broker")]
    NoBroker {
        /// The item as it was written.
        item: String,
    },
    /// No number of queues after the colon, or one that cannot be.
    #[error("the item {item:?} has no number of queues")]
    NoCount {
        /// The item as it was written.
        item: String,
    },
}

impl OrderConf {
    /// Reads the text of an order configuration. A separator at its end is harmless.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let mut conf = Self::default();
        let text = text.trim_end_matches(';');
        if text.is_empty() {
            return conf;
        }
        for item in text.split(';') {
            match OrderItem::parse(item) {
                Ok(item) => conf.items.push(item),
                Err(defect) => conf.defects.push(defect),
            }
        }
        conf
    }

    /// The readable items, in the order of the text.
    #[must_use]
    pub fn items(&self) -> &[OrderItem] {
        &self.items
    }

    /// What was left out, in the order of the text.
    #[must_use]
    pub fn defects(&self) -> &[OrderConfDefect] {
        &self.defects
    }
}

impl OrderItem {
    fn parse(item: &str) -> Result<Self, OrderConfDefect> {
        if item.is_empty() {
            return Err(OrderConfDefect::Empty);
        }
        // As in Java, a third part is not looked at.
        let mut parts = item.split(':');
        let broker_name = parts.next().unwrap_or_default();
        if broker_name.is_empty() {
            return Err(OrderConfDefect::NoBroker { item: item.to_owned() });
        }
        let count: Option<i32> = parts.next().and_then(|count| count.parse().ok());
        match count.map(u32::try_from) {
            Some(Ok(queue_count)) => Ok(Self { broker_name: broker_name.into(), queue_count }),
            _ => Err(OrderConfDefect::NoCount { item: item.to_owned() }),
        }
    }
}

impl fmt::Display for OrderConf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, item) in self.items.iter().enumerate() {
            let separator = if position == 0 { "" } else { ";" };
            write!(f, "{separator}{}:{}", item.broker_name, item.queue_count)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_keep_the_order_of_the_text() {
        let conf = OrderConf::parse("broker-b:2;broker-a:1;broker-b:0;");
        assert_eq!(conf.to_string(), "broker-b:2;broker-a:1;broker-b:0");
        assert!(conf.defects().is_empty());
    }

    #[test]
    fn bad_items_are_left_out_and_reported() {
        let no_count = |item: &str| OrderConfDefect::NoCount { item: item.to_owned() };
        for (text, good, defect) in [
            ("a", "", no_count("a")),
            ("a:;b:1", "b:1", no_count("a:")),
            ("a:x;b:1", "b:1", no_count("a:x")),
            ("a:-1;b:1", "b:1", no_count("a:-1")),
            ("a: 1;b:1", "b:1", no_count("a: 1")),
            ("a:4294967296;b:1", "b:1", no_count("a:4294967296")),
            (":3;b:1", "b:1", OrderConfDefect::NoBroker { item: ":3".to_owned() }),
            ("a:1;;b:1", "a:1;b:1", OrderConfDefect::Empty),
            (";a:1", "a:1", OrderConfDefect::Empty),
        ] {
            let conf = OrderConf::parse(text);
            assert_eq!(conf.to_string(), good, "{text}");
            assert_eq!(conf.defects(), [defect], "{text}");
        }
    }

    #[test]
    fn a_third_part_is_ignored_and_a_plus_sign_taken_as_in_java() {
        let conf = OrderConf::parse("a:+2:9");
        assert_eq!(conf.to_string(), "a:2");
        assert!(conf.defects().is_empty());
    }

    #[test]
    fn text_of_nothing_but_separators_is_empty() {
        assert_eq!(OrderConf::parse(""), OrderConf::default());
        assert_eq!(OrderConf::parse(";;;"), OrderConf::default());
    }
}
