//! Names from outside that must differ from the marks of this program, and names read back as they are
//! printed.

use std::fmt;

/// The first byte of a name, escaped, or nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct First(Option<u8>);

impl fmt::Display for First {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        self.0.map_or(Ok(()), |byte| write!(f, "\\x{byte:02x}"))
    }
}

/// The text for an empty name, which a command can have. A shell reads it as an empty name.
pub const EMPTY: &str = "\"\"";

/// Splits off the first byte of a name that would be taken for a mark: `-` for none, `@` before an
/// abstract name, a number where there is no name. Such a name must begin with an ASCII character.
pub fn set_apart(name: &[u8], is_mark: bool) -> (First, &[u8]) {
    match name.split_first() {
        Some((first, rest)) if is_mark => (First(Some(*first)), rest),
        _ => (First(None), name),
    }
}

/// Whether a name looks like a number.
pub fn is_number(name: &[u8]) -> bool {
    let digits = name.strip_prefix(b"-").unwrap_or(name);
    !digits.is_empty() && digits.iter().all(u8::is_ascii_digit)
}

/// Returns the bytes of a name as it is printed: `\xNN` is a byte, and two backslashes are one. Any other
/// backslash stands for itself.
pub fn unescaped(printed: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(printed.len());
    let mut rest = printed.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let (byte, after) = match rest {
            [b'\\', b'\\', after @ ..] => (b'\\', after),
            [b'\\', b'x', high, low, after @ ..] => match (digit(*high), digit(*low)) {
                (Some(high), Some(low)) => (high << 4 | low, after),
                _ => (b'\\', &rest[1..]),
            },
            _ => (*first, after),
        };
        bytes.push(byte);
        rest = after;
    }
    bytes
}

fn digit(character: u8) -> Option<u8> {
    char::from(character).to_digit(16).map(|digit| digit as u8)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::{escaped, Word};

    #[test]
    fn what_is_printed_is_read_back() {
        let names: [&[u8]; 6] =
            [b"a b,c", b"\\x41", b"\\", b"", b"\x1b\xff\\\\", "é\u{85}".as_bytes()];
        for name in names {
            assert_eq!(unescaped(&escaped(name)), name);
            assert_eq!(unescaped(&Word(name).to_string()), name);
        }
        assert_eq!(unescaped("a\\b\\x4"), b"a\\b\\x4");
        assert_eq!(unescaped("\\x2D\\xé"), "-\\xé".as_bytes());
    }

    #[test]
    fn numbers() {
        assert!(is_number(b"7") && is_number(b"-1") && !is_number(b"-") && !is_number(b"7a"));
    }
}
