//! Interfaces by their names, which each network namespace has its own of.

use std::collections::BTreeSet;
use std::io;

use nix::errno::Errno;
use nix::net::if_::if_nameindex;

use crate::kernel::syscall;
use crate::text::{suggest, unescaped};

/// The interfaces that were named, looked for in one network namespace after the other.
pub struct Interfaces<'a> {
    words: &'a [String],
    /// The words for which there was no interface yet.
    unknown: Vec<&'a str>,
    /// The names that there are.
    names: BTreeSet<Vec<u8>>,
}

impl<'a> Interfaces<'a> {
    /// Of these words, which are names or numbers.
    pub fn new(words: &'a [String]) -> Interfaces<'a> {
        let unknown = words.iter().map(String::as_str).collect();
        Interfaces { words, unknown, names: BTreeSet::new() }
    }

    /// The indices of those that are in the network namespace the program is in; none at all when
    /// interfaces were named, but this namespace has no such.
    ///
    /// # Errors
    ///
    /// When they cannot be looked up.
    pub fn here(&mut self) -> io::Result<Option<Vec<u32>>> {
        let mut indices = Vec::new();
        for word in self.words {
            if let Some(index) = index_of(word)? {
                indices.push(index);
                self.unknown.retain(|unknown| unknown != word);
            }
        }
        if !self.unknown.is_empty() {
            let here = if_nameindex();
            let names = here.iter().flatten().map(|it| it.name().to_bytes().to_vec());
            self.names.extend(names);
        }
        Ok((self.words.is_empty() || !indices.is_empty()).then_some(indices))
    }

    /// Whether each was found somewhere.
    ///
    /// # Errors
    ///
    /// A sentence with the nearest names that there are.
    pub fn check(&self) -> Result<(), String> {
        match self.unknown.first() {
            None => Ok(()),
            Some(word) => Err(suggest::unknown("interface", word, self.names.iter())),
        }
    }
}

/// The index of an interface by its name, as it is printed or as it is, or by its number: one that is gone
/// has no name any more.
fn index_of(word: &str) -> io::Result<Option<u32>> {
    for name in [&*unescaped(word), word.as_bytes()] {
        match syscall::interface_index(name) {
            Err(error) if error.raw_os_error() == Some(Errno::ENODEV as i32) => {}
            index => return index.map(Some),
        }
    }
    Ok(word.parse().ok().filter(|index| *index != 0))
}
