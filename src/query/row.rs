//! A row: a socket with everything that the columns are read from.

use crate::host::cgroups::Cgroups;
use crate::host::labels::LabelsOfSockets;
use crate::host::processes::Processes;
use crate::host::resolver::Resolver;
use crate::options::context::Context;
use crate::options::defaults::Answers;
use crate::options::plan::OptionValue;
use crate::query::column_set::ColumnSet;
use crate::query::layout::Layout;
use crate::socket::holders::Holder;
use crate::socket::owner::{Owner, Via};
use crate::socket::peer::Peer;
use crate::socket::Socket;

/// File descriptors. Those of a socket are `None` if nothing needs them, or if the kernel cannot list them.
#[derive(Clone, Copy, Default)]
pub struct Holders<'a> {
    /// Those that hold the socket, and the reason if there are none.
    pub of_socket: Option<(&'a [Holder], Owner)>,
    /// If there are none: those that hold another socket, which leads to processes. `None` also if no such socket is
    /// known.
    pub of_via: Option<(&'a [Holder], Via)>,
    /// Those that hold the peer, and the reason if there are none. `None` also if there is no peer.
    pub of_peer: Option<(&'a [Holder], Owner)>,
    /// If there are none: as `of_via`.
    pub of_peers_via: Option<(&'a [Holder], Via)>,
}

/// A socket and what was collected for it.
#[derive(Clone, Copy)]
pub struct Row<'a> {
    pub socket: &'a Socket<'a>,
    pub context: Context<'a>,
    /// The columns that this kernel cannot fill.
    pub lost: ColumnSet,
    /// The options to show.
    pub options: &'a [OptionValue],
    /// The options that are asked for by keys, to filter, sort or group by them.
    pub asked: &'a [OptionValue],
    /// Whether options may be missing, because it is unknown whether they are set.
    pub is_partial: bool,
    /// Whether it is known which options are set.
    pub knows_set: bool,
    /// What a new socket of this kind reports in the same network namespace, if one could be asked.
    pub answers: Option<&'a Answers>,
    /// The number of the SO_REUSEPORT group that shares the port, counted from 1.
    pub reuseport: Option<usize>,
    /// The name of the network namespace in ip-netns(8).
    pub netns_name: Option<&'a [u8]>,
    /// Whether `netns_name` is `None` only if the namespace has no name.
    pub knows_netns_names: bool,
    /// The control groups, if they are shown.
    pub cgroups: &'a Cgroups,
    /// The processes that have been looked up so far.
    pub processes: &'a Processes,
    /// The labels of sockets, if they are shown.
    pub labels: &'a LabelsOfSockets,
    /// The names of hosts, services and users, if they are to be shown.
    pub resolver: Option<&'a Resolver>,
    /// The file descriptors that hold the socket and its peer.
    pub holders: Holders<'a>,
    /// The socket at the other end. [`Peer::None`] if nothing needs it.
    pub peer: Peer,
}

impl Row<'_> {
    /// The layout of the table that shows it.
    pub fn layout(&self) -> Layout {
        self.socket.kind.family().layout()
    }
}
