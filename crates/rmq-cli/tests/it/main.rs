//! The program as its users run it: the built binary against servers of rmq-testkit.

mod access;
mod command_line;
mod demo;
mod program;
mod readme;
mod refusals;
mod route;
mod send;
mod send_trouble;
mod serve;
mod servers;
#[cfg(unix)]
mod signals;
