//! Failures that other clients of message brokers have had, each played against ours, and random ones.
//!
//! `ledger` holds what every caller was told against what the brokers stored. The numbers are those of our catalogue of failures; a
//! public thread that tells of it stands beside each. Here are those up to C50; those that no test here plays are below.
//!
//! | | failure elsewhere | tested by, or why not |
//! |---|---|---|
//! | C01 | rocketmq-client-go#646: requests stay in the table until an answer comes | `in_flight` |
//! | C02 | rocketmq#7111: a request stays when its write fails | `in_flight`; while the frame is being written: rmq-remoting `closing`, `oneway` |
//! | C03 | rocketmq#8250: who does not scan, never expires | no scan exists; rmq-remoting `deadlines::each_call_keeps_its_own_deadline` |
//! | C04 | rocketmq#10575: answer and expiry race | `in_flight` |
//! | C05 | rocketmq#6979: opaques of two connections mixed up | `in_flight` |
//! | C06 | rocketmq#10280: an answer under a wrong opaque | `in_flight` |
//! | C07 | opaques that wrap meet living ones | rmq-remoting `slots::opaques_stay_positive_and_wrap_without_meeting_a_live_request` |
//! | C08 | scylladb#305: ids run out when a server never answers | `in_flight` |
//! | C09 | an entry stays when its caller leaves | `it::cancel`, at every poll |
//! | C10 | redis-rs#325: the next caller gets the answer of the last | `in_flight` |
//! | C11 | scylladb#1778: a late answer ends the connection | `in_flight` |
//! | C12 | rocketmq#10613: more than one end | `in_flight`, and each ledger |
//! | C13 | Java's `invokeAsync` reports too late and sends all the same | `in_flight` |
//! | C14 | rocketmq#10747: hooks, result and callback out of order | `it::hooks::each_way_of_sending_begins_and_ends_once`, `it::callback::the_callback_is_called_once_with_result_or_error` |
//! | C15 | a second answer panics | `in_flight` |
//! | C16 | rocketmq#3929: a broker dies, its callers wait on | `in_flight` |
//! | C17 | rocketmq#604: permits lost after timeouts | `room` |
//! | C18 | rocketmq#8140: one permit of two lost | `room`; rmq-remoting `room::count_and_bytes_are_taken_together_or_not_at_all` |
//! | C19 | rocketmq#200: room given back before a slow callback | `it::callback::callbacks_slower_than_sends_stay_within_the_room` |
//! | C20 | rocketmq#9445: bytes queued without limit | `room` |
//! | C21 | rocketmq#579: callbacks queued without limit | the same; `unbounded_channel` is a denied method |
//! | C22 | pulsar#23921: error paths that release nothing | `room` |
//! | C23 | the task that reads waits for a permit | `room` |
//! | C24 | rocketmq#5866: closed connections pile up | `room` |
//! | C25 | rocketmq#9737: failed connections pile up | `room`: tasks and lines; bytes are for a soak test |
//! | C26 | redpanda#26772: a write buffer without limit | rmq-remoting `limits::a_peer_that_reads_nothing_cannot_make_us_buffer_without_end` |
//! | C27 | rocketmq#8248: counters of a batcher drift | comes with batches |
//! | C28 | librdkafka#4986: Nagle's delay | `TcpConnector` sets TCP_NODELAY; seen only by a bench |
//! | C29 | rocketmq#478: accepted messages lost at the end | `ending` |
//! | C30 | nats.rs#182: success without an answer | `ending` |
//! | C31 | rocketmq#10935: the end of one producer stops another | `it::shutdown::one_producer_s_end_does_not_concern_another` |
//! | C32 | held batches neither sent nor failed | comes with batches |
//! | C33 | rocketmq#2988: last traces lost | comes with traces |
//! | C34 | rocketmq#762: tasks survive | `ending` |
//! | C35 | rocketmq#8366: deadlock at the end | `await_holding_lock` is denied; `it::cancel::shutdown_can_be_taken_up_again` |
//! | C36 | librdkafka#963: an end that takes minutes | `ending` |
//! | C37 | librdkafka#4103: messages vanish with their topic | `ending` |
//! | C38 | an end that wakes nobody | `ending` |
//! | C39 | rocketmq-clients#738: the last handle dropped in the wrong place | `it::shutdown::dropping_…` |
//! | C40 | rocketmq#1497: another broker, the old queue | `trying_again` |
//! | C41 | rocketmq#1588: no second try after a failed dial | `trying_again` |
//! | C42 | rocketmq#8168: tries with negative time | `trying_again` |
//! | C43 | rocketmq#1921: one dead broker eats the time of all tries | `trying_again` |
//! | C44 | rocketmq#2542, rocketmq-clients#1309: busy, and tried not at all, or at once | `trying_again` |
//! | C45 | rocketmq#6187: refused for good, and tried again | `trying_again` |
//! | C46 | rocketmq#5574: END_TRANSACTION twice | comes with transactions |
//! | C47 | rocketmq#569: a key changes its queue | `trying_again`; a list that shrinks: comes with strict order |
//! | C48 | librdkafka#4438: an ambiguous end taken for a sure one | `trying_again` |
//! | C49 | librdkafka 1.9: a topic that is missing for a moment | `trying_again` |
//! | C50 | rocketmq#6919: equal ids | `trying_again`; rmq-message `unique_id` |

mod ending;
mod in_flight;
mod ledger;
mod random;
mod room;
mod trying_again;
#[allow(dead_code, reason = "shared with the other test program, which needs all of it")]
#[path = "../it/world.rs"]
mod world;
