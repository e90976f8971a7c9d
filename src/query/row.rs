//! A row: a socket with everything that is known of it, which the columns are read from.

use crate::options::context::Context;
use crate::options::plan::OptionValue;
use crate::query::column_set::ColumnSet;
use crate::query::layout::Layout;
use crate::socket::owner::{Holder, Owner};
use crate::socket::Socket;

/// A socket and what was collected for it.
pub struct Row<'a> {
    pub socket: &'a Socket<'a>,
    pub context: Context<'a>,
    /// The columns that this kernel cannot fill.
    pub lost: ColumnSet,
    /// The options to show.
    pub options: &'a [OptionValue],
    /// Whether options that are to be shown may be missing, because it is not known whether they are
    /// set.
    pub is_partial: bool,
    /// Whether it is known which options are set.
    pub knows_set: bool,
    /// The number of the SO_REUSEPORT group that it shares its port with, counted from 1.
    pub reuseport: Option<usize>,
    /// The name that ip-netns(8) gave to its network namespace.
    pub netns_name: Option<&'a [u8]>,
    /// Whether it has none where there is none here.
    pub knows_netns_names: bool,
    /// The descriptors that hold it, and why there is none if there is none. `None` where nothing
    /// needed them, or where the kernel cannot list them.
    pub holders: Option<(&'a [Holder], Owner)>,
}

impl Row<'_> {
    /// The layout of the table that shows it.
    pub fn layout(&self) -> Layout {
        self.socket.kind.family().layout()
    }
}
