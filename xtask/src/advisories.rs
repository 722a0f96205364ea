//! Known vulnerabilities in what we depend on, by cargo-deny and the RustSec database.
//!
//! Neither is part of a plain Rust installation, and the database is not on crates.io: where one of them cannot be had, the check is
//! skipped aloud, in CI too. Everything else that cargo-deny could look at is checked without it.

use crate::cargo;
use crate::outcome::Outcome;

pub(crate) fn check() -> anyhow::Result<Outcome> {
    if !cargo::answers(&mut cargo::cargo(&["deny", "--version"]))? {
        return Ok(Outcome::skipped("cargo-deny is not installed (cargo install cargo-deny --locked)"));
    }
    if !cargo::answers(&mut cargo::cargo(&["deny", "fetch", "db"]))? {
        return Ok(Outcome::skipped("the RustSec database cannot be fetched from here"));
    }
    cargo::run(&mut cargo::cargo(&["deny", "check", "--disable-fetch", "advisories"]))?;
    Ok(Outcome::done())
}
