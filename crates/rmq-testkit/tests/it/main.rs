//! What a cluster does, seen from outside: recorded conversations replayed, faults, lives and deaths, consumers.

mod consuming;
mod faults;
mod lifecycle;
mod malformed;
mod recording;
mod replay;
mod routes;
mod sending;
mod stored;
mod wire;
