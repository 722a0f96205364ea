//! Two queues at random, and of their brokers the one that can be expected to answer first.
//!
//! As with every other choice, suspects, penalised brokers and the one that just failed are passed over as long as there are others.

use std::time::Instant;

use crate::broker_loads::BrokerLoads;
use crate::strategy::{Candidates, Choice};
use crate::suspects::Suspects;
use crate::tolerance::LatencyFaultTolerance;

/// Chooses the less loaded of two random queues ("power of two choices"). `None`: there are no queues of a known broker.
///
/// `penalties`: the latency penalties and the time it is, where they are used. `below` returns a random number below its argument. A queue
/// whose broker's name is empty is never chosen.
pub fn select_of_two(
    candidates: &Candidates<'_>,
    suspects: &Suspects,
    penalties: Option<(&LatencyFaultTolerance, Instant)>,
    loads: &BrokerLoads,
    below: &mut dyn FnMut(u32) -> u32,
) -> Option<Choice> {
    let broker = candidates.broker;
    let choose = |one: usize, other: usize| {
        let position = if loads.is_better(broker(other), broker(one)) { other } else { one };
        Some(Choice::Position(position))
    };
    // The usual case: nobody is to be avoided, and no list has to be made.
    if suspects.is_empty() && candidates.last_broker.is_none() && penalties.is_none() {
        let (one, other) = two_below(candidates.len, below)?;
        if !broker(one).is_empty() && !broker(other).is_empty() {
            return choose(one, other);
        }
    }
    let trusted = |name: &str| !suspects.contains(name);
    let fresh = |name: &str| candidates.last_broker != Some(name);
    let available = |name: &str| penalties.is_none_or(|(tolerance, now)| tolerance.is_available(name, now));
    let reachable = |name: &str| penalties.is_none_or(|(tolerance, _)| tolerance.is_reachable(name));
    let steps: [&dyn Fn(&str) -> bool; 6] = [
        &|name| trusted(name) && fresh(name) && available(name),
        &|name| trusted(name) && fresh(name) && reachable(name),
        &|name| trusted(name) && fresh(name),
        &|name| trusted(name),
        &|name| fresh(name),
        &|_| true,
    ];
    steps.into_iter().find_map(|fits| {
        let known = |position: &usize| !broker(*position).is_empty() && fits(broker(*position));
        let eligible: Vec<usize> = (0..candidates.len).filter(known).collect();
        let (one, other) = two_below(eligible.len(), below)?;
        choose(eligible[one], eligible[other])
    })
}

/// Two different numbers below `len`; twice the same where there is but one.
fn two_below(len: usize, below: &mut dyn FnMut(u32) -> u32) -> Option<(usize, usize)> {
    let len = u32::try_from(len).ok().filter(|len| *len > 0)?;
    let one = below(len) % len;
    if len == 1 {
        return Some((0, 0));
    }
    let other = below(len - 1) % (len - 1);
    let other = if other < one { other } else { other + 1 };
    Some((one as usize, other as usize))
}
