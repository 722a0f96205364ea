//! Which brokers to avoid and which queue to take: no clock, no I/O.
//!
#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod broker_loads;
mod fault_item;
mod penalty;
mod strategy;
mod suspects;
mod tolerance;
mod two_random;

pub use broker_loads::{BrokerLoads, InFlight};
pub use fault_item::FaultItem;
pub use penalty::{PenaltyTable, UnorderedSteps, UpdateRule};
pub use strategy::{Candidates, Choice, Strategy, select_in_turn};
pub use suspects::Suspects;
pub use tolerance::{LatencyFaultTolerance, Outcome};
pub use two_random::select_of_two;
