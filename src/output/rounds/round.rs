//! A round as it was shown.

use crate::query::layout::Layout;
use crate::socket::continuity::Identity;

/// What one reading has shown.
#[derive(Default)]
pub struct Round {
    /// The titles of each layout, with the line end. Empty if the layout was not shown.
    pub(super) titles: [Vec<u8>; Layout::ALL.len()],
    pub(super) rows: Vec<Shown>,
}

/// A row as it was written.
pub(super) struct Shown {
    pub identity: Identity,
    pub layout: Layout,
    /// Whether it has no options, because the kernel keeps no whole socket.
    pub is_mini: bool,
    /// The row with the line end.
    pub text: Box<[u8]>,
    /// What can change: values.rs
    pub values: Box<[u8]>,
}
