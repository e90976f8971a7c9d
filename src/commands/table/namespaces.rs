//! The network namespaces whose sockets are shown, each with what is needed to decode them.

use std::collections::HashMap;

use nix::errno::Errno;

use crate::error::Error;
use crate::host::netns_names::Names;
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

    /// Why interfaces that were to be shown are without their names: the end of a sentence.
    fn obstacle(&self) -> Option<String> {
        let why = match self.host.obstacle()? {
            Errno::EBADF => self.defaults.no_socket(),
            errno => format!("cannot query them: {}", errno.desc()),
        };
        Some(format!("names of interfaces: {why}"))
    }
}

/// The network namespaces whose sockets are shown.
pub struct Namespaces {
    namespaces: Vec<Namespace>,
    /// The index of each by its inode number; `None` where there is one only, whose number is not
    /// needed.
    indexes: Option<HashMap<u32, usize>>,
    /// The names that ip(8) gave to namespaces, where they are shown.
    names: Names,
}

impl Namespaces {
    /// One namespace, which every socket is in; or none, which has no sockets.
    pub fn one(namespace: Option<Namespace>) -> Namespaces {
        let namespaces = Vec::from_iter(namespace);
        Namespaces { namespaces, indexes: None, names: Names::default() }
    }

    /// Several, with their inode numbers.
    pub fn several(namespaces: impl IntoIterator<Item = (u32, Namespace)>) -> Namespaces {
        let (inodes, namespaces): (Vec<u32>, Vec<Namespace>) = namespaces.into_iter().unzip();
        let indexes = inodes.into_iter().enumerate().map(|(index, inode)| (inode, index)).collect();
        Namespaces { namespaces, indexes: Some(indexes), names: Names::default() }
    }

    /// The same with names.
    pub fn with_names(self, names: Names) -> Namespaces {
        Namespaces { names, ..self }
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

    /// The names of namespaces, of which not all need be in the table.
    pub fn names(&self) -> &Names {
        &self.names
    }

    /// What was to be shown but could not be asked, as the ends of sentences.
    pub fn missing(&self) -> impl Iterator<Item = String> + '_ {
        let interfaces = self.namespaces.iter().find_map(Namespace::obstacle);
        self.names.missing().into_iter().chain(interfaces)
    }
}
