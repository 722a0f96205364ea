//! Each library crate compiles alone: with its default features, with none, and with each one.
//!
//! In the workspace's own build a crate may live on features that a neighbour asked for; nobody's else does.

use crate::cargo;
use crate::outcome::Outcome;
use crate::workspace::{Package, Workspace};

pub(crate) fn check() -> anyhow::Result<Outcome> {
    let workspace = Workspace::load()?;
    let mut builds = 0;
    for library in workspace.published_libraries() {
        for selection in selections(library) {
            let mut command = cargo::cargo(&["check", "--lib", "--package", &library.name]);
            cargo::run(command.args(selection))?;
            builds += 1;
        }
    }
    Ok(Outcome::note(format!("{builds} builds")))
}

/// The feature arguments to try.
fn selections(library: &Package) -> Vec<Vec<String>> {
    let none = || vec!["--no-default-features".to_owned()];
    let mut selections = vec![Vec::new(), none()];
    for feature in library.features.iter().filter(|feature| *feature != "default") {
        let mut alone = none();
        alone.extend(["--features".to_owned(), feature.clone()]);
        selections.push(alone);
    }
    selections
}
