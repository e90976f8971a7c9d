//! The interface that a value names.

use crate::text::Name;

/// An interface of the socket's network namespace. Its index is what counts; the name is empty where there
/// is none any more, or nobody looked for it.
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
