//! Files of /etc with one entry per line, which are read when a name has to be looked up.

use std::cell::OnceCell;
use std::fs;
use std::io;

use crate::error::reason;

/// A file with one entry per line, in any encoding.
pub struct Database {
    path: &'static str,
    bytes: OnceCell<io::Result<Vec<u8>>>,
}

impl Database {
    /// Returns the database at this path, without reading it.
    pub const fn at(path: &'static str) -> Database {
        Database { path, bytes: OnceCell::new() }
    }

    /// Returns a database with this content.
    #[cfg(test)]
    pub fn with(bytes: &[u8]) -> Database {
        Database { path: "a file", bytes: OnceCell::from(Ok(bytes.to_vec())) }
    }

    /// The lines of the file. `word`, which is to be looked up, appears in the error.
    ///
    /// # Errors
    ///
    /// A sentence that names the file, if it cannot be read.
    pub fn lines(&self, word: &str) -> Result<impl Iterator<Item = &[u8]> + Clone, String> {
        self.bytes().map(lines).map_err(|error| {
            let word = crate::text::escaped(word.as_bytes());
            let why = reason(error);
            format!("cannot look up '{word}' in {}: {why} (use a number)", self.path)
        })
    }

    /// The lines of the file, to show names from it. None if there is no such file.
    ///
    /// # Errors
    ///
    /// A sentence that names the file, if it cannot be read.
    pub fn all_lines(&self) -> Result<impl Iterator<Item = &[u8]> + Clone, String> {
        match self.bytes() {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(format!("cannot read {}: {}", self.path, reason(error)))
            }
            bytes => Ok(lines(bytes.unwrap_or_default())),
        }
    }

    fn bytes(&self) -> Result<&[u8], &io::Error> {
        self.bytes.get_or_init(|| fs::read(self.path)).as_deref()
    }
}

fn lines(bytes: &[u8]) -> impl Iterator<Item = &[u8]> + Clone {
    bytes.split(|byte| *byte == b'\n')
}

/// The words of a line, without its comment, which may have any encoding.
pub fn words(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    let line = line.split(|byte| *byte == b'#').next().unwrap_or_default();
    line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty())
}
