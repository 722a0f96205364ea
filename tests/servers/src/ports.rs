//! Ports: four free neighbours for one server.
//!
//! They lie below the range from which systems pick ports for outgoing connections, so that a server that is killed finds its
//! port free again when it restarts; a file lock keeps other test processes away from them until the value goes.

use std::collections::hash_map::RandomState;
use std::fs::File;
use std::hash::{BuildHasher as _, Hasher as _};
use std::net::{Ipv4Addr, TcpListener};
use std::ops::Range;

use anyhow::{Result, bail};

use crate::cache::Cache;

/// A block of free ports. A broker takes `vip`, `listen` and `ha`, a name server `listen` only.
#[derive(Debug)]
pub(crate) struct Ports {
    base: u16,
    _held: File,
}

impl Ports {
    /// Finds a block that nobody listens on and no other test process holds.
    pub(crate) fn choose(cache: &Cache) -> Result<Self> {
        let blocks = usize::from((RANGE.end - RANGE.start) / BLOCK);
        let start = usize::from(random_u16());
        for number in 0..blocks {
            let Ok(block) = u16::try_from((start + number) % blocks) else { break };
            let base = RANGE.start + block * BLOCK;
            if let Some(held) = cache.try_lock(&format!("port-{base}"))?
                && (base..base + BLOCK).all(is_free)
            {
                return Ok(Self { base, _held: held });
            }
        }
        bail!("no {BLOCK} free ports between {} and {}", RANGE.start, RANGE.end)
    }

    /// Where the server listens.
    pub(crate) fn listen(&self) -> u16 {
        self.base + 2
    }

    /// Where a broker listens for its replicas.
    pub(crate) fn ha(&self) -> u16 {
        self.base + 3
    }

    /// All that must be free again after the end; the broker's second port for clients is always two below the first.
    pub(crate) fn all(&self) -> Vec<u16> {
        (self.base..self.base + BLOCK).collect()
    }
}

/// Whether nobody listens on this port, on any address.
pub(crate) fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).is_ok()
}

const RANGE: Range<u16> = 20_000..30_000;
const BLOCK: u16 = 4;

fn random_u16() -> u16 {
    let random = RandomState::new().build_hasher().finish().to_le_bytes();
    u16::from_le_bytes([random[0], random[1]])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run_folder::RunFolder;

    #[test]
    fn two_servers_never_get_the_same_ports() {
        let room = RunFolder::new("ports-test").unwrap();
        let cache = Cache::at(room.path()).unwrap();
        let chosen: Vec<Ports> = (0..20).map(|_| Ports::choose(&cache).unwrap()).collect();
        let mut all: Vec<u16> = chosen.iter().flat_map(Ports::all).collect();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), 80);
    }

    #[test]
    fn the_three_ports_of_a_broker_are_in_its_block() {
        let room = RunFolder::new("ports-test").unwrap();
        let ports = Ports::choose(&Cache::at(room.path()).unwrap()).unwrap();
        let all = ports.all();
        assert!(all.contains(&ports.listen()) && all.contains(&ports.ha()) && all.contains(&(ports.listen() - 2)));
    }

    #[test]
    fn a_port_somebody_listens_on_is_not_free() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        assert!(!is_free(listener.local_addr().unwrap().port()));
    }
}
