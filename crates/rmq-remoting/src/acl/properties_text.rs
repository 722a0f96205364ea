//! PropertiesText: reads the text of a Java properties file, pair by pair.
//!
//! Rules of `java.util.Properties#load`: `=`, `:` or white space behind the name, `#` and `!` begin comments, a backslash escapes or continues a
//! line. Any text is taken; what makes no sense becomes odd pairs, never an error.

use std::str::Lines;

use zeroize::Zeroizing;

/// An iterator over names and values, in order. Values may be secrets: they are zeroed when dropped.
pub(super) struct PropertiesText<'a> {
    lines: Lines<'a>,
}

impl<'a> PropertiesText<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { lines: text.strip_prefix('\u{feff}').unwrap_or(text).lines() }
    }

    /// The next line that is no comment, with those that continue it.
    fn logical_line(&mut self) -> Option<Zeroizing<String>> {
        let first = self.lines.by_ref().map(start).find(|line| !line.is_empty() && !line.starts_with(['#', '!']))?;
        let mut whole = Zeroizing::new(first.to_owned());
        while is_continued(&whole) {
            whole.pop();
            match self.lines.next() {
                Some(next) => whole.push_str(start(next)),
                None => break,
            }
        }
        Some(whole)
    }
}

impl Iterator for PropertiesText<'_> {
    type Item = (String, Zeroizing<String>);

    fn next(&mut self) -> Option<Self::Item> {
        let line = self.logical_line()?;
        let end = end_of_name(&line);
        let rest = start(&line[end..]);
        let value = rest.strip_prefix(['=', ':']).map_or(rest, start);
        Some((unescaped(&line[..end]).to_string(), unescaped(value)))
    }
}

fn start(line: &str) -> &str {
    line.trim_start_matches([' ', '\t', '\u{c}'])
}

/// An odd number of backslashes at the end: the last one is no escaped one.
fn is_continued(line: &str) -> bool {
    line.bytes().rev().take_while(|byte| *byte == b'\\').count() % 2 == 1
}

fn end_of_name(line: &str) -> usize {
    let mut escaped = false;
    for (at, character) in line.char_indices() {
        if escaped {
            escaped = false;
        } else if character == '\\' {
            escaped = true;
        } else if matches!(character, '=' | ':' | ' ' | '\t' | '\u{c}') {
            return at;
        }
    }
    line.len()
}

fn unescaped(text: &str) -> Zeroizing<String> {
    // As long as the text at most, so that no copy of a secret is left behind by growing.
    let mut out = Zeroizing::new(String::with_capacity(text.len()));
    let mut rest = text.chars();
    while let Some(character) = rest.next() {
        if character != '\\' {
            out.push(character);
            continue;
        }
        match rest.next() {
            Some('t') => out.push('\t'),
            Some('n') => out.push('\n'),
            Some('r') => out.push('\r'),
            Some('f') => out.push('\u{c}'),
            Some('u') => {
                let digits = rest.as_str().get(..4);
                let code = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok()).and_then(char::from_u32);
                match code {
                    Some(code) => {
                        out.push(code);
                        rest = rest.as_str()[4..].chars();
                    }
                    None => out.push('u'),
                }
            }
            Some(other) => out.push(other),
            None => {}
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(text: &str) -> Vec<(String, String)> {
        PropertiesText::new(text).map(|(name, value)| (name, value.to_string())).collect()
    }

    fn pair(name: &str, value: &str) -> Vec<(String, String)> {
        vec![(name.to_owned(), value.to_owned())]
    }

    #[test]
    fn the_forms_of_one_line_are_read_as_java_reads_them() {
        for (text, name, value) in [
            ("a=b", "a", "b"),
            ("  a = b ", "a", "b "),
            ("a:b=c", "a", "b=c"),
            ("a b", "a", "b"),
            ("a", "a", ""),
            ("a=", "a", ""),
            ("a\\=b=c", "a=b", "c"),
            ("a=b\\\n   c", "a", "bc"),
            ("a=b\\\\", "a", "b\\"),
            ("a=\\u00e9\\t\\x", "a", "é\tx"),
            ("a=\\ud800x", "a", "ud800x"),
            ("a=\\u12", "a", "u12"),
            ("a=b\\", "a", "b"),
            ("\u{feff}a=b\r\n", "a", "b"),
        ] {
            assert_eq!(pairs(text), pair(name, value), "{text:?}");
        }
    }

    #[test]
    fn comments_and_empty_lines_are_passed_over() {
        assert_eq!(pairs("# x=1\n! y=2\n\n \t\na=b\n").len(), 1);
        assert_eq!(pairs(""), []);
    }
}
