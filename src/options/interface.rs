//! The interface in a value.

use crate::text::Name;

/// An interface of the socket's network namespace. Only the index is compared. The name is empty if the
/// interface is gone, or if its name was not looked up.
#[derive(Clone, Copy, Debug)]
pub struct Interface {
    pub index: u32,
    pub name: Name,
}

impl PartialEq for Interface {
    fn eq(&self, other: &Interface) -> bool {
        self.index == other.index
    }
}
