//! Bytes from outside, fit for a terminal, a script and JSON.

use std::fmt::{self, Write};

/// Bytes from outside as one word: as [`Escaped`], and blanks and commas escaped too, so that a
/// script can split at them.
pub struct Word<'a>(pub &'a [u8]);

impl fmt::Display for Word<'_> {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write_escaped(f, self.0, |c| c == ' ' || c == ',')
    }
}

/// Bytes from outside, fit for a terminal and for JSON: control characters and bytes that are not
/// UTF-8 as `\xNN`, a backslash doubled.
pub struct Escaped<'a>(pub &'a [u8]);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write_escaped(f, self.0, |_| false)
    }
}

/// [`Escaped`] as a string.
pub fn escaped(bytes: &[u8]) -> String {
    Escaped(bytes).to_string()
}

fn write_escaped(f: &mut fmt::Formatter, bytes: &[u8], also: fn(char) -> bool) -> fmt::Result {
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '\\' => f.write_str("\\\\")?,
                c if c.is_control() || also(c) => {
                    let mut bytes = [0; 4];
                    write_bytes(f, c.encode_utf8(&mut bytes).as_bytes())?;
                }
                c => f.write_char(c)?,
            }
        }
        write_bytes(f, chunk.invalid())?;
    }
    Ok(())
}

fn write_bytes(f: &mut fmt::Formatter, bytes: &[u8]) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(f, "\\x{byte:02x}"))
}
