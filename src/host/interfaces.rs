//! Lookup of interfaces by name. Each network namespace has its own interfaces.

use std::collections::BTreeSet;
use std::io;

use nix::errno::Errno;
use nix::net::if_::if_nameindex;

use crate::kernel::syscall;
use crate::text::{suggest, unescaped};

/// The interfaces that were specified, looked up in one network namespace after the other.
pub struct Interfaces<'a> {
    /// The words for which no interface has been found yet.
    unknown: Vec<&'a str>,
    /// The names of existing interfaces, for suggestions.
    names: BTreeSet<Vec<u8>>,
}

impl<'a> Interfaces<'a> {
    /// Prepares to look up these words, which are names or indices.
    pub fn new(words: &'a [String]) -> Interfaces<'a> {
        let unknown = words.iter().map(String::as_str).collect();
        Interfaces { unknown, names: BTreeSet::new() }
    }

    /// Looks the interfaces up in the current network namespace.
    ///
    /// # Errors
    ///
    /// When an interface cannot be looked up.
    pub fn look_here(&mut self) -> io::Result<()> {
        let mut unknown = Vec::new();
        for word in self.unknown.drain(..) {
            if index_of(word)?.is_none() {
                unknown.push(word);
            }
        }
        self.unknown = unknown;
        if !self.unknown.is_empty() {
            let here = if_nameindex();
            let names = here.iter().flatten().map(|it| it.name().to_bytes().to_vec());
            self.names.extend(names);
        }
        Ok(())
    }

    /// Checks that each interface was found in some namespace.
    ///
    /// # Errors
    ///
    /// A sentence that names an unknown interface and suggests similar names.
    pub fn check(&self) -> Result<(), String> {
        match self.unknown.first() {
            None => Ok(()),
            Some(word) => Err(suggest::unknown("interface", word, self.names.iter())),
        }
    }
}

/// The indexes of these interfaces in the current network namespace. `None` if one is unknown.
pub fn indexes(names: &[Vec<u8>]) -> Option<Vec<u32>> {
    names.iter().map(|name| syscall::interface_index(name).ok()).collect()
}

/// Returns the index of an interface from its name, escaped as it is printed or verbatim, or from its
/// index. An interface that was removed no longer has a name.
fn index_of(word: &str) -> io::Result<Option<u32>> {
    for name in [&*unescaped(word), word.as_bytes()] {
        match syscall::interface_index(name) {
            Err(error) if error.raw_os_error() == Some(Errno::ENODEV as i32) => {}
            index => return index.map(Some),
        }
    }
    Ok(word.parse().ok().filter(|index| *index != 0))
}
