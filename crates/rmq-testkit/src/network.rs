//! Where the servers of a cluster are reached: TCP ports or an in-process network, behind one door each.
//!
//! Every accepted stream is wrapped in a [`Line`], so that a test can cut, stall or garble it underneath the protocol.

mod boundary;
mod door;
mod line;
mod line_fault;
mod lines;
mod memory;
mod wire;

pub(crate) use door::{Door, DoorAcceptor, Place};
pub use line::Line;
pub use line_fault::LineFault;
pub(crate) use lines::Lines;
pub(crate) use memory::MemoryNetwork;

mod dial;
pub(crate) use dial::{ClusterConnector, Dialing};
