//! TLS against every kind of peer that is not to be trusted, and servers over TLS; on loopback, with certificates made here.
#![cfg(feature = "tls")]

mod authority;
mod client_certificates;
mod lingering;
mod peers;
mod reload;
mod serving;
mod world;
