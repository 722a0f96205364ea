//! The two tables of the demo: single messages, and how all of them spread over the queues.

use std::collections::BTreeMap;

use super::{Sent, messages};
use crate::latency::{Latency, Time};
use crate::number::{Count, Size};
use crate::table::{Align, Table};

/// The first and the last few messages; a note says how many are left out.
pub(super) fn results(sent: &[Sent]) -> Table {
    let mut table = Table::new([
        ("NO", Align::Right),
        ("MESSAGE ID", Align::Left),
        ("BYTES", Align::Right),
        ("BROKER", Align::Left),
        ("QUEUE", Align::Right),
        ("OFFSET", Align::Right),
        ("STATUS", Align::Left),
        ("TIME", Align::Right),
    ]);
    let hidden = sent.len().saturating_sub(2 * SHOWN);
    for (at, sent) in sent.iter().enumerate() {
        if hidden > 1 && (SHOWN..SHOWN + hidden).contains(&at) {
            if at == SHOWN {
                table.note(format!("  … {} more …", Count(hidden as u64)));
            }
            continue;
        }
        let record = &sent.record;
        table.row([
            (sent.number + 1).to_string(),
            record.message_id.clone().unwrap_or_default(),
            Count(messages::size(sent.number) as u64).to_string(),
            record.broker_name.clone().unwrap_or_default(),
            record.queue_id.map(|id| id.to_string()).unwrap_or_default(),
            record.queue_offset.map(|offset| offset.to_string()).unwrap_or_default(),
            record.status.unwrap_or("FAILED").to_owned(),
            Time(record.elapsed).to_string(),
        ]);
    }
    table
}

/// A row per queue: how many messages it got, and their offsets.
pub(super) fn spread(sent: &[Sent]) -> Table {
    let mut queues: BTreeMap<(&str, i32), Queue> = BTreeMap::new();
    for sent in sent {
        let record = &sent.record;
        let (Some(broker), Some(id), Some(offset)) = (&record.broker_name, record.queue_id, record.queue_offset) else {
            continue;
        };
        let queue = queues.entry((broker, id)).or_insert_with(|| Queue { first: i64::MAX, ..Queue::default() });
        queue.messages += 1;
        queue.bytes += messages::size(sent.number) as u64;
        queue.first = queue.first.min(offset);
        queue.last = queue.last.max(offset);
        queue.latency.record(record.elapsed);
    }
    let mut table = Table::new([
        ("BROKER", Align::Left),
        ("QUEUE", Align::Right),
        ("MESSAGES", Align::Right),
        ("BYTES", Align::Right),
        ("OFFSETS", Align::Right),
        ("MEDIAN TIME", Align::Right),
    ]);
    for ((broker, id), queue) in queues {
        table.row([
            broker.to_owned(),
            id.to_string(),
            Count(queue.messages).to_string(),
            Size(queue.bytes).to_string(),
            format!("{} to {}", queue.first, queue.last),
            queue.latency.percentile(50).map(|time| Time(time).to_string()).unwrap_or_default(),
        ]);
    }
    table
}

#[derive(Default)]
struct Queue {
    messages: u64,
    bytes: u64,
    first: i64,
    last: i64,
    latency: Latency,
}

/// Rows at either end.
const SHOWN: usize = 5;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::send_record::SendRecord;

    fn sent(number: u64, broker: &str, queue_id: i32, queue_offset: i64) -> Sent {
        let mut record = SendRecord::oneway("t", Duration::from_millis(1));
        record.broker_name = Some(broker.to_owned());
        (record.queue_id, record.queue_offset) = (Some(queue_id), Some(queue_offset));
        Sent { number, record }
    }

    #[test]
    fn the_middle_is_left_out_and_counted() {
        let all: Vec<_> = (0..1_000).map(|number| sent(number, "a", 0, 0)).collect();
        let text = results(&all).to_string();
        assert_eq!(text.lines().count(), 1 + 5 + 1 + 5);
        assert!(text.contains("… 990 more …") && text.contains("\n   5 ") && text.contains("\n 996 "), "{text}");
    }

    #[test]
    fn few_messages_are_all_shown() {
        for count in [1, 10, 11] {
            let all: Vec<_> = (0..count).map(|number| sent(number, "a", 0, 0)).collect();
            assert_eq!(results(&all).to_string().lines().count(), 1 + all.len());
        }
    }

    #[test]
    fn the_spread_has_a_row_per_queue_in_order() {
        let mut all = vec![sent(0, "b", 0, 7), sent(1, "a", 1, 4), sent(2, "a", 1, 3), sent(3, "a", 0, 9)];
        let failed = SendRecord::not_tried("t", "timeout", "no".to_owned());
        all.push(Sent { number: 4, record: failed });
        let text = spread(&all).to_string();
        let rows: Vec<Vec<&str>> = text.lines().skip(1).map(|line| line.split_whitespace().take(3).collect()).collect();
        assert_eq!(rows, [["a", "0", "1"], ["a", "1", "2"], ["b", "0", "1"]]);
        assert!(text.contains("3 to 4"), "{text}");
    }
}
