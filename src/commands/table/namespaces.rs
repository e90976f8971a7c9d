//! What must be known of a network namespace to read its sockets: its defaults, its interfaces.

use std::collections::HashMap;

use crate::error::Error;
use crate::host::netns;
use crate::host::Host;
use crate::options::defaults::Defaults;
use crate::query::filter::Filter;

/// A network namespace from within.
pub struct View {
    /// What fresh sockets answer there.
    pub defaults: Defaults,
    /// The host, with the interfaces that are there.
    pub host: Host,
    /// Which of its sockets are wanted.
    pub filter: Filter,
}

impl View {
    /// Looks around in the network namespace that the program is in.
    ///
    /// # Errors
    ///
    /// As [`Host::new`].
    pub fn here(filter: Filter) -> Result<View, Error> {
        let (defaults, socket) = Defaults::ask(|kind| filter.wants(kind));
        Ok(View { defaults, host: Host::new(socket)?, filter })
    }
}

/// The network namespaces whose sockets are shown.
pub struct Views {
    views: Vec<View>,
    /// The place of each by its inode number; none where there is only one, whose number need not
    /// be known.
    places: Option<HashMap<u32, usize>>,
    /// The names that ip(8) gave to namespaces, by inode number.
    names: HashMap<u32, Vec<u8>>,
}

impl Views {
    /// Only one: every socket that is found is in it. Without it there is none to be found.
    pub fn one(view: Option<View>) -> Views {
        Views { views: Vec::from_iter(view), places: None, names: netns::names() }
    }

    /// Several, with their inode numbers.
    pub fn several(views: impl IntoIterator<Item = (u32, View)>) -> Views {
        let (inodes, views): (Vec<u32>, Vec<View>) = views.into_iter().unzip();
        let places = inodes.into_iter().enumerate().map(|(place, inode)| (inode, place)).collect();
        Views { views, places: Some(places), names: netns::names() }
    }

    /// Each of them.
    pub fn all(&self) -> &[View] {
        &self.views
    }

    /// The place, among all, of the namespace with this inode number; none if it is not wanted.
    pub fn place(&self, inode: u32) -> Option<usize> {
        match &self.places {
            None => (!self.views.is_empty()).then_some(0),
            Some(places) => places.get(&inode).copied(),
        }
    }

    /// The name that ip(8) gave to the namespace with this inode number.
    pub fn name(&self, inode: u32) -> Option<&[u8]> {
        self.names.get(&inode).map(Vec::as_slice)
    }
}
