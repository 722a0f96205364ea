//! The Rust files below a folder, in order.

use std::path::{Path, PathBuf};

use anyhow::Context as _;

pub(crate) struct RustFile {
    /// Where it is, seen from the folder, with `/`.
    pub(crate) name: String,
    pub(crate) source: String,
}

pub(crate) fn rust_files(folder: &Path) -> anyhow::Result<Vec<RustFile>> {
    let mut files = Vec::new();
    for path in paths(folder)? {
        let source = std::fs::read_to_string(&path).with_context(|| format!("could not read {}", path.display()))?;
        let name = path.strip_prefix(folder).unwrap_or(&path).to_string_lossy().replace('\\', "/");
        files.push(RustFile { name, source });
    }
    Ok(files)
}

fn paths(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).with_context(|| format!("could not list {}", folder.display()))? {
        let path = entry?.path();
        if path.is_dir() {
            paths.extend(self::paths(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}
