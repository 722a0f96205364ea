//! Nothing in the repository knows somebody's machine: no absolute home or scratch path, no package-registry host.
//!
//! A path that works here fails elsewhere, and a host in a file overrides the mirror that a machine is set up with.

use super::Files;

/// First folders of absolute paths that mean one machine. Written without slashes, so that this file does not find itself.
const FOLDERS: &[&str] = &["home", "root", "work", "tmp", "Users", "private"];

/// Host and domain of registries and their mirrors.
const HOSTS: &[(&str, &str)] = &[
    ("index", "crates.io"),
    ("static", "crates.io"),
    ("repo", "maven.apache.org"),
    ("repo1", "maven.org"),
    ("maven", "aliyun.com"),
    ("registry", "npmjs.org"),
    ("files", "pythonhosted.org"),
    ("proxy", "golang.org"),
    ("deb", "debian.org"),
    ("security", "debian.org"),
];

pub(super) fn findings(files: &Files) -> Vec<String> {
    let mut findings = Vec::new();
    for file in &files.all {
        for (number, line) in file.text.lines().enumerate() {
            if let Some(name) = machine_name(line) {
                findings.push(format!("{}:{}: `{name}` belongs to one machine", file.path, number + 1));
            }
        }
    }
    findings
}

fn machine_name(line: &str) -> Option<String> {
    let hosts = HOSTS.iter().map(|(host, domain)| format!("{host}.{domain}"));
    hosts.into_iter().find(|host| line.contains(host.as_str())).or_else(|| machine_path(line))
}

/// An absolute path: one that does not go on from a word, as `src/tmp/` or an address would.
fn machine_path(line: &str) -> Option<String> {
    let goes_on = |character: char| character.is_alphanumeric() || "_-.~$}>*".contains(character);
    FOLDERS
        .iter()
        .map(|folder| format!("/{folder}/"))
        .find(|path| line.match_indices(path.as_str()).any(|(at, _)| !line[..at].ends_with(goes_on)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absolute_paths_of_a_machine_are_found() {
        for (before, folder, after) in [
            ("", "home", "me/x"),
            ("cd ", "tmp", "x"),
            ("let a = \"", "root", ".cargo\""),
            ("file://", "Users", "me"),
            ("`", "work", "main`"),
        ] {
            let line = format!("{before}/{folder}/{after}");
            assert_eq!(machine_name(&line), Some(format!("/{folder}/")), "{line}");
        }
    }

    #[test]
    fn relative_paths_and_addresses_are_nobodys_machine() {
        for (before, folder) in [
            ("src", "tmp"),
            ("https://example.org", "home"),
            (".", "tmp"),
            ("..", "work"),
            ("$HOME", "work"),
            ("~", "tmp"),
        ] {
            let line = format!("{before}/{folder}/x");
            assert_eq!(machine_name(&line), None, "{line}");
        }
        for line in ["/rooted", "a /tm b"] {
            assert_eq!(machine_name(line), None, "{line}");
        }
    }

    #[test]
    fn registry_hosts_are_found() {
        let line = format!("url = \"https://{}.{}/x\"", "index", "crates.io");
        assert_eq!(machine_name(&line), Some(["index", "crates.io"].join(".")));
        assert_eq!(machine_name("published on crates.io, see https://crates.io/crates/tokio"), None);
    }

    #[test]
    fn the_finding_names_file_and_line() {
        let text = format!("fine\nls /{}/x\n", "tmp");
        let files = Files::sample(&[("docs/a.md", &text)]);
        assert_eq!(findings(&files), [format!("docs/a.md:2: `/{}/` belongs to one machine", "tmp")]);
    }
}
