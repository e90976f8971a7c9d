//! Files of /etc with an entry a line, which are read when a name has to be looked up.

use std::cell::OnceCell;
use std::fs;
use std::io;

use crate::error::reason;

/// A file with an entry a line, in any encoding.
pub struct Database {
    path: &'static str,
    bytes: OnceCell<io::Result<Vec<u8>>>,
}

impl Database {
    /// The file at this path, which is not read yet.
    pub const fn at(path: &'static str) -> Database {
        Database { path, bytes: OnceCell::new() }
    }

    /// A file with these bytes.
    #[cfg(test)]
    pub fn with(bytes: &[u8]) -> Database {
        Database { path: "a file", bytes: OnceCell::from(Ok(bytes.to_vec())) }
    }

    /// The lines, to look this word up.
    ///
    /// # Errors
    ///
    /// When the file cannot be read: a sentence that names it.
    pub fn lines(&self, word: &str) -> Result<impl Iterator<Item = &[u8]> + Clone, String> {
        match self.bytes.get_or_init(|| fs::read(self.path)) {
            Ok(bytes) => Ok(bytes.split(|byte| *byte == b'\n')),
            Err(error) => {
                let word = crate::text::escaped(word.as_bytes());
                let why = reason(error);
                Err(format!("cannot look up '{word}' in {}: {why} (use a number)", self.path))
            }
        }
    }
}
