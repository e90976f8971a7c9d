//! Patterns with the wildcards `*` and `?`, for names in any encoding.

use std::fmt;

use wildmatch::WildMatch;

use crate::text::{escaped, unescaped, EMPTY};

/// A pattern. `*` and `?` are wildcards. The rest is a name, as it is printed or without escapes. An escaped
/// `*` is a literal one.
#[derive(Clone, Debug, PartialEq)]
pub struct Glob {
    /// As it is printed: with the escapes of a name, of which wildcards are not a part.
    text: String,
    pattern: WildMatch,
    /// Whether capital letters are equal to others.
    any_case: bool,
}

impl Glob {
    /// Compiles a pattern.
    pub fn new(typed: &str, any_case: bool) -> Glob {
        let (mut text, mut pattern) = (String::new(), String::new());
        let names = if typed == EMPTY { "" } else { typed };
        for part in names.split_inclusive(WILD) {
            let name = part.trim_end_matches(WILD);
            let (name, wild) = (unescaped(name), &part[name.len()..]);
            text += &printed(&name);
            pattern += &literal(&name);
            text += wild;
            pattern += wild;
        }
        let pattern = if any_case { pattern.to_lowercase() } else { pattern };
        Glob { text, pattern: WildMatch::new(&pattern), any_case }
    }

    /// Whether the whole name matches.
    pub fn matches(&self, name: &[u8]) -> bool {
        let name = literal(name);
        match self.any_case {
            true => self.pattern.matches(&name.to_lowercase()),
            false => self.pattern.matches(&name),
        }
    }

    /// Whether there is no wildcard.
    pub fn is_name(&self) -> bool {
        !self.text.contains(WILD)
    }

    /// The same pattern or, for a name that is longer, one for so many bytes of it.
    pub fn cut_to(self, length: usize) -> Glob {
        let name = unescaped(&self.text);
        if !self.is_name() || name.len() <= length {
            return self;
        }
        let name = &name[..length];
        let pattern = literal(name);
        let pattern = if self.any_case { pattern.to_lowercase() } else { pattern };
        Glob { text: printed(name), pattern: WildMatch::new(&pattern), any_case: self.any_case }
    }
}

/// Writes the pattern with the escapes of a name.
impl fmt::Display for Glob {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&self.text)
    }
}

const WILD: [char; 2] = ['*', '?'];

/// A name in a pattern: with escapes, also of wildcards.
fn printed(name: &[u8]) -> String {
    escaped(name).replace('*', "\\x2a").replace('?', "\\x3f")
}

/// Converts a name so that a pattern matches it literally. Each byte that is not UTF-8, and each `*` and `?`,
/// becomes one of the last private-use characters of Unicode.
fn literal(name: &[u8]) -> String {
    let private = |byte: u8| char::from_u32(0x10_ff00 + u32::from(byte)).unwrap_or_default();
    let plain = |c: char| if WILD.contains(&c) { private(c as u8) } else { c };
    let chunks = name.utf8_chunks();
    chunks
        .flat_map(|it| {
            it.valid().chars().map(plain).chain(it.invalid().iter().copied().map(private))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_wildcards() {
        let matches = |pattern: &str, name: &[u8]| Glob::new(pattern, false).matches(name);
        assert!(
            matches("ngin*", b"nginx") && matches("n?inx", b"nginx") && !matches("ngin", b"nginx")
        );
        assert!(matches("a\\x20b", b"a b") && matches("a b", b"a b"));
        assert!(matches("\\x2a", b"*") && !matches("\\x2a", b"x"));
        assert!(matches("\\xff*", b"\xff\xfe") && matches("\"\"", b""));
        for typed in ["ngin*", "a\\x2a?", "\u{1b}\\x1b*", "\\", "\\\\\n?", "\\xff\u{e9}*"] {
            let glob = Glob::new(typed, false);
            assert_eq!(Glob::new(&glob.to_string(), false), glob, "{typed:?}");
            assert!(!glob.to_string().contains(char::is_control), "{typed:?}");
        }
        assert!(!matches("NGINX", b"nginx") && Glob::new("NGINX", true).matches(b"nginx"));
    }
}
