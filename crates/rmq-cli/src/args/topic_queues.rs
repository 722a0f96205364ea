//! A topic and its number of queues, written `topic:queues`.

use std::str::FromStr;

use rmq_message::validate_topic;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TopicQueues {
    pub(crate) topic: String,
    /// On each broker, from 1 to [`MOST_QUEUES`].
    pub(crate) queues: u16,
}

impl FromStr for TopicQueues {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (topic, queues) = text.rsplit_once(':').ok_or("write TOPIC:QUEUES, such as orders:4")?;
        validate_topic(topic).map_err(|error| error.to_string())?;
        let queues = queues.parse().ok().filter(|queues| (1..=MOST_QUEUES).contains(queues));
        let queues = queues.ok_or_else(|| format!("the number of queues is from 1 to {MOST_QUEUES}"))?;
        Ok(Self { topic: topic.to_owned(), queues })
    }
}

const MOST_QUEUES: u16 = 1_024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_comes_with_its_queues() {
        assert_eq!("orders:4".parse(), Ok(TopicQueues { topic: "orders".into(), queues: 4 }));
    }

    #[test]
    fn what_no_broker_would_create_is_refused() {
        for (text, reason) in [
            ("orders", "TOPIC:QUEUES"),
            ("orders:0", "from 1 to"),
            ("orders:1025", "from 1 to"),
            ("orders:x", "from 1 to"),
            (":4", "blank"),
            ("a b:4", "only letters"),
        ] {
            let error = text.parse::<TopicQueues>().unwrap_err();
            assert!(error.contains(reason), "{text}: {error}");
        }
    }
}
