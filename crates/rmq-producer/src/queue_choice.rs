//! QueueChoice: whose turn it is when the caller does not say.

/// How the queue of a send is chosen where neither the caller nor a sharding key does. Default: in turn.
///
/// In any case the broker that just failed, and brokers that went silent or cannot be connected, are passed over while there are others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum QueueChoice {
    /// One queue after the other, as Java: each gets the same number of messages.
    #[default]
    RoundRobin,
    /// Two queues at random, and of their brokers the one that has the shorter wait: fewer attempts of this producer in flight, and lower
    /// latency. A broker that is slow, but not so slow that it fails, gets less; never nothing, since both queues may be
    /// its own (with two brokers one time in four or five), so that its recovery is seen. Queues do not get the same number of messages. Together with
    /// [`LatencyFault`](crate::LatencyFault) its penalties apply, and its strategy does not. Java has nothing of the kind.
    TwoRandom,
}
