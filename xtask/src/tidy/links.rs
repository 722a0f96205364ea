//! Links inside the repository lead to something that is there.
//!
//! Only inline Markdown links are read; addresses with a scheme, anchors and rustdoc paths are somebody else's to check.

use super::{File, Files};

pub(super) fn findings(files: &Files) -> Vec<String> {
    let mut findings = Vec::new();
    for file in files.markdown() {
        for (line, link) in links(file) {
            if inside(file, link.target).is_some_and(|path| !files.has(&path)) {
                findings.push(format!("{}:{line}: links `{}`, and nothing is there", file.path, link.target));
            }
        }
    }
    findings
}

/// `[text](target)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Link<'a> {
    pub(super) text: &'a str,
    pub(super) target: &'a str,
}

/// Links outside of code blocks, with their line numbers.
fn links(file: &File) -> Vec<(usize, Link<'_>)> {
    let mut links = Vec::new();
    let mut in_code = false;
    for (number, line) in file.text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            in_code = !in_code;
        } else if !in_code {
            links.extend(links_of(line).into_iter().map(|link| (number + 1, link)));
        }
    }
    links
}

/// The links of one line of Markdown.
pub(super) fn links_of(line: &str) -> Vec<Link<'_>> {
    let mut links = Vec::new();
    for (at, _) in line.match_indices("](") {
        // `a[i](x)` inside a code span is code.
        if line[..at].matches('`').count() % 2 == 1 {
            continue;
        }
        let rest = &line[at + 2..];
        if let (Some(start), Some(end)) = (opening(&line[..at]), rest.find(')')) {
            let target = rest[..end].split_whitespace().next().unwrap_or_default();
            links.push(Link { text: &line[start + 1..at], target });
        }
    }
    links
}

/// Where the bracket opens that closes right after this text.
fn opening(text: &str) -> Option<usize> {
    let mut depth = 0;
    for (at, character) in text.char_indices().rev() {
        match character {
            ']' => depth += 1,
            '[' if depth == 0 => return Some(at),
            '[' => depth -= 1,
            _ => {}
        }
    }
    None
}

/// The target as a path from the root, when it is one.
pub(super) fn inside(file: &File, target: &str) -> Option<String> {
    let path = target.split('#').next().unwrap_or_default();
    if path.is_empty() || path.contains(':') {
        return None;
    }
    let folder = file.path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                // Above the root nothing is there.
                if parts.pop().is_none() {
                    return Some(target.to_owned());
                }
            }
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_gives_up_its_links() {
        let link = |text, target| Link { text, target };
        assert_eq!(
            links_of("see [a](b.md), [`c`](d/e.rs#f) and ![p](q.png \"title\")"),
            [link("a", "b.md"), link("`c`", "d/e.rs#f"), link("p", "q.png"),]
        );
        assert_eq!(links_of("[![badge](a.svg)](b.md)"), [link("badge", "a.svg"), link("![badge](a.svg)", "b.md")]);
        assert_eq!(links_of("`a[i](x)` [a] (b) ](c)").len(), 0);
    }

    #[test]
    fn a_link_that_leads_nowhere_is_found() {
        let text = "\
[fine](../crates/a/README.md) [folder](../crates) [anchor](#x) [web](https://example.org/x) [item](crate::Thing)\n\
[gone](gone.md)\n```\n[code](code.md)\n```\n[out](../../x)\n[with anchor](../crates/a/README.md#x)\n";
        let files = Files::sample(&[("docs/a.md", text), ("crates/a/README.md", "")]);
        assert_eq!(
            findings(&files),
            [
                "docs/a.md:2: links `gone.md`, and nothing is there",
                "docs/a.md:6: links `../../x`, and nothing is there"
            ]
        );
    }
}
