//! How soon a producer is well again: one test for each figure that we hold ourselves to, in paused time.
//!
//! T is the time of one attempt (a third of the send's), D the deadline of a send (3 s), H the interval of heartbeats (30 s). The third
//! column says with which change of the code the test was seen to fail.
//!
//! | | figure | fails when |
//! |---|---|---|
//! | R1 | a connection ends with calls on it: all are done or under way elsewhere within 10 ms | calls wait for their deadline instead of the connection's end |
//! | R2 | one of two masters is killed: first success on the other within 0.1 T, no send takes longer than 0.5 D | a lost connection ends the send |
//! | R3 | a broker falls silent under load: found out within T, and no later call waits for it | a silent broker is not set aside |
//! | R4 | a connection falls silent while idle: found out within 1.1 H | heartbeats that are not answered change nothing |
//! | R5 | a broker is back: in rotation within 1.25 probe intervals (2.5 s), or within the pause between dials that R11 allows; its load within 10 % of its share 10 s later | probes are 4 s apart; routes that lost a broker wait for the next refresh |
//! | R6 | one of several name servers is lost: no send fails, the next look-up takes no longer than T | a silent one gets all the time |
//! | R7 | all name servers are lost: known topics go on for a day, unknown ones fail unsent within D | a failed refresh forgets the route |
//! | R8 | topic moved, permission taken, fewer queues: at most one failed attempt for each queue, no failed send | nobody asks for the route before its time |
//! | R9 | a master comes back elsewhere: the client adds at most 1 s | a failed dial does not ask for the route |
//! | R10 | three brokers go away and come back in turn: no failed send, one more attempt for each call concerned | GO_AWAY is an answer like others |
//! | R11 | dials of a dead address: 100 ms, doubling to 10 s, with full jitter, anew after 60 s of health | no jitter; no reset |
//! | R12 | 1,000 clients after a restart: at most 20 % of the dials in any 100 ms, at most one a second for each | no jitter; a limit of 100 ms |
//! | R13 | shutdown within its grace and 100 ms, within 50 ms when nothing is in flight | it waits for a broker that is silent |
//! | R14 | 1,000 tasks, one topic: one look-up | each send asks |
//!
//! `restarts` plays whole clusters that restart.

mod brokers;
mod dials;
mod going_away;
mod load;
mod name_servers;
mod restarts;
mod routes;
mod shutdown;
#[allow(dead_code, reason = "shared with the other test program, which needs all of it")]
#[path = "../it/world.rs"]
mod world;
