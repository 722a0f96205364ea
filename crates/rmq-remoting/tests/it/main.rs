//! The client and server half against scripted peers, in memory with paused time and over real sockets.

mod cancel;
mod closing;
mod deadlines;
mod dialling;
mod fixture;
mod frames;
mod going_away;
mod limits;
mod line;
mod lingering;
mod matching;
mod oneway;
mod party;
mod server;
mod server_requests;
mod sockets;
