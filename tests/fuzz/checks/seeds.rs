//! Replays the seeds of one fuzz target, for the ordinary tests of the crates.

use std::panic::{RefUnwindSafe, catch_unwind};
use std::path::Path;

/// Gives every seed of the target to its check; a panic is told with the name of the seed.
pub(crate) fn replay(target: &str, check: impl Fn(&[u8]) + RefUnwindSafe) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fuzz/seeds").join(target);
    let mut seeds: Vec<_> = std::fs::read_dir(&folder)
        .expect("the target has a folder of seeds")
        .map(|entry| entry.expect("the folder can be listed").path())
        .collect();
    seeds.sort();
    assert!(!seeds.is_empty(), "{target} has no seeds");
    for seed in seeds {
        let bytes = std::fs::read(&seed).expect("a seed can be read");
        assert!(catch_unwind(|| check(&bytes)).is_ok(), "the seed {} breaks {target}, see above", seed.display());
    }
}
