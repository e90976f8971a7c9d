//! The network namespaces whose sockets are shown, each with what is needed to decode them.

use std::collections::HashMap;

use crate::error::Error;
use crate::host::netns;
use crate::host::Host;
use crate::options::defaults::{Defaults, Pool};
use crate::query::filter::Filter;

/// A network namespace, as seen from inside.
pub struct Namespace {
    /// What new sockets in it answer.
    pub defaults: Defaults,
    /// The host, with the interfaces of the namespace.
    pub host: Host,
    /// Which of its sockets are wanted.
    pub filter: Filter,
}

impl Namespace {
    /// Asks new sockets in the network namespace that this thread is in. What they answer is shared
    /// with the namespaces of the same pool.
    ///
    /// # Errors
    ///
    /// As [`Host::new`].
    pub fn here(filter: Filter, pool: &mut Pool) -> Result<Namespace, Error> {
        let (defaults, socket) = Defaults::ask(|kind| filter.wants(kind), pool);
        Ok(Namespace { defaults, host: Host::new(socket)?, filter })
    }
}

/// The network namespaces whose sockets are shown.
pub struct Namespaces {
    namespaces: Vec<Namespace>,
    /// The index of each by its inode number; `None` where there is one only, whose number is not
    /// needed.
    indexes: Option<HashMap<u32, usize>>,
    /// The names that ip(8) gave to namespaces, by inode number.
    names: HashMap<u32, Vec<u8>>,
}

impl Namespaces {
    /// One namespace, which every socket is in; or none, which has no sockets.
    pub fn one(namespace: Option<Namespace>) -> Namespaces {
        Namespaces { namespaces: Vec::from_iter(namespace), indexes: None, names: netns::names() }
    }

    /// Several, with their inode numbers.
    pub fn several(namespaces: impl IntoIterator<Item = (u32, Namespace)>) -> Namespaces {
        let (inodes, namespaces): (Vec<u32>, Vec<Namespace>) = namespaces.into_iter().unzip();
        let indexes = inodes.into_iter().enumerate().map(|(index, inode)| (inode, index)).collect();
        Namespaces { namespaces, indexes: Some(indexes), names: netns::names() }
    }

    /// Each of them.
    pub fn all(&self) -> &[Namespace] {
        &self.namespaces
    }

    /// The index in [`Namespaces::all`] of the namespace with this inode number; `None` if it is not
    /// one of them.
    pub fn index(&self, inode: u32) -> Option<usize> {
        match &self.indexes {
            None => (!self.namespaces.is_empty()).then_some(0),
            Some(indexes) => indexes.get(&inode).copied(),
        }
    }

    /// The name that ip(8) gave to the namespace with this inode number.
    pub fn name(&self, inode: u32) -> Option<&[u8]> {
        self.names.get(&inode).map(Vec::as_slice)
    }
}
