//! Syntax that is newer than the promised Rust version, where no old compiler is at hand to object.
//!
//! Clippy knows how old a library item is, and not how old the language is. What slips in unnoticed are let chains, of Rust 1.88.

use crate::rust_text::code_only;

/// Lines on which a condition joins a `let` with something else.
pub(super) fn let_chains(source: &str) -> Vec<usize> {
    let code = code_only(source);
    let mut lines = Vec::new();
    for keyword in ["if", "while"] {
        for (at, _) in code.match_indices(keyword) {
            let (before, after) = (&code[..at], &code[at + keyword.len()..]);
            let is_word = !before
                .ends_with(|character: char| character.is_alphanumeric() || character == '_' || character == '#')
                && after.starts_with(char::is_whitespace);
            if is_word && is_chain(condition(after)) {
                lines.push(before.lines().count().max(1));
            }
        }
    }
    lines.sort_unstable();
    lines
}

/// The text up to the brace that opens the block, or the arrow of a match arm.
fn condition(text: &str) -> &str {
    let mut depth = 0_usize;
    for (at, character) in text.char_indices() {
        match character {
            '(' | '[' => depth += 1,
            ')' | ']' if depth == 0 => return &text[..at],
            ')' | ']' => depth -= 1,
            '{' | ';' if depth == 0 && !is_pattern(&text[..at]) => return &text[..at],
            '=' if depth == 0 && text[at..].starts_with("=>") => return &text[..at],
            _ => {}
        }
    }
    text
}

/// A brace before the `=` of a `let` belongs to its pattern.
fn is_pattern(text: &str) -> bool {
    let Some((_, after_let)) = text.rsplit_once("let ") else { return false };
    let mut previous = ' ';
    let mut characters = after_let.chars().peekable();
    while let Some(character) = characters.next() {
        let is_assignment = character == '=' && !"=.<>!".contains(previous) && characters.peek() != Some(&'=');
        if is_assignment {
            return false;
        }
        previous = character;
    }
    true
}

/// A `let` beside an `&&` outside of all brackets.
fn is_chain(condition: &str) -> bool {
    let mut depth = 0_usize;
    let mut outside = String::new();
    for character in condition.chars() {
        match character {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            _ if depth == 0 => outside.push(character),
            _ => {}
        }
    }
    let parts: Vec<_> = outside.split("&&").map(str::trim).collect();
    // `let x = &&y` has nothing before its `&&`.
    parts.len() > 1
        && parts.iter().any(|part| part.starts_with("let "))
        && !parts.iter().any(|part| part.is_empty() || part.ends_with('='))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn let_chains_are_found_in_every_place() {
        for source in [
            "if let Some(a) = b && c { }",
            "if a && let Some(b) = c { }",
            "while let Some(a) = b.next()\n    && a > 1\n{ }",
            "if let A { b, .. } = c && d { }",
            "if let Some(a) = f(|x| { x }) && let Some(b) = a { }",
            "else if x.is_empty() && let Some(a) = b { }",
        ] {
            assert_eq!(let_chains(source), [1], "{source}");
        }
        assert_eq!(let_chains("fn f() {\n    if let Some(a) = b\n        && c {\n    }\n}"), [2]);
    }

    #[test]
    fn other_conditions_are_as_old_as_rust() {
        for source in [
            "if a && b { let c = d && e; }",
            "if let Some(a) = b { if c && d { } }",
            "if let Some(a) = b.filter(|x| x.c && x.d) { }",
            "if let Some(a) = (b && c).then(f) { }",
            "if let A { b: true, .. } = c { d && e }",
            "let Some(a) = b else { return c && d };",
            "matches!(a, Some(b) if b && c)",
            "match a { Some(b) if b && c => { let d = e; } _ => {} }",
            "// if let Some(a) = b && c {",
            "let notify = 1; let x = a && b;",
        ] {
            assert_eq!(let_chains(source), [0; 0], "{source}");
        }
    }
}
