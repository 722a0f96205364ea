//! The null broker as a child process.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Stdio};

use anyhow::Context as _;

use crate::pinning::Pinning;

/// A running null broker; it is killed with this value.
#[derive(Debug)]
pub(crate) struct NullBroker {
    child: Child,
    address: String,
}

impl NullBroker {
    pub(crate) fn start(pinning: Pinning, habits: &[&str]) -> anyhow::Result<Self> {
        let mut command = pinning.this_program()?;
        let mut child = command.arg("null-broker").args(habits).stdout(Stdio::piped()).spawn()?;
        let mut address = String::new();
        BufReader::new(child.stdout.take().context("no output")?).read_line(&mut address)?;
        Ok(Self { child, address: address.trim().to_owned() })
    }

    pub(crate) fn address(&self) -> &str {
        &self.address
    }
}

impl Drop for NullBroker {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
