//! The columns to show: those of netstat or of `--columns`, and those that other flags add.

use crate::query::columns::{Column, Needs};
use crate::query::key::Key;
use crate::query::layout::Layout;

/// The columns that the command line asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ColumnRequest {
    /// The columns of `--columns`, in order. Empty for the default columns.
    pub chosen: Vec<Column>,
    /// Adds the network namespace, for `--netns`.
    pub netns: bool,
    /// Adds the user, the inode and the SO_REUSEPORT group, for `-e`.
    pub extended: bool,
    /// Adds the labels of sockets, for `-e` where they can be read.
    pub labels: bool,
    /// Adds the processes, for `-p`.
    pub programs: bool,
    /// Adds the processes at the other end, for `--peer`.
    pub peers: bool,
    /// Adds the timer, for `-o`.
    pub timers: bool,
}

/// The columns to show in each layout, without duplicates. By default none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ColumnList {
    columns: [Vec<Column>; Layout::ALL.len()],
    /// The columns of an output in which every socket has the same ones, and options can be columns.
    keys: Vec<Key>,
}

impl ColumnList {
    /// The columns of a table. Each layout omits the columns that it does not have.
    pub fn for_table(request: &ColumnRequest) -> ColumnList {
        ColumnList::by_layout(|layout| {
            let first = match request.chosen.is_empty() {
                true => netstat(layout),
                false => &request.chosen,
            };
            let mut columns = with(first, &request.added());
            columns.retain(|column| column.heading(layout).is_some());
            columns
        })
    }

    /// The members of a JSON object, which are the same for every layout.
    pub fn for_objects(request: &ColumnRequest) -> ColumnList {
        let columns = match request.chosen.is_empty() {
            true => Column::ALL.into_iter().filter(|column| request.has_member(*column)).collect(),
            false => {
                let mut added = request.added();
                // The text of `program` includes the reason why there is no process, the part of the kernel that uses
                // the socket, and the socket that leads to processes. The JSON member does not.
                let is_other = |it: &Column| {
                    matches!(it, Column::Owner | Column::KernelUser) || it.is_of_via()
                };
                added.extend(Column::ALL.into_iter().filter(|it| request.programs && is_other(it)));
                added.extend(request.peers.then_some(Column::PeerOwner));
                with(&request.chosen, &added)
            }
        };
        ColumnList::by_layout(|_| columns.clone())
    }

    /// The fields of a record of CSV, which are the same for every layout: the members of a JSON object,
    /// flat, or the chosen columns. If the options to show are the same for every socket, each of them has
    /// a column, in place of the column of all options.
    pub fn for_records(request: &ColumnRequest, options: Option<Vec<usize>>) -> ColumnList {
        let mut columns = match request.chosen.is_empty() {
            true => Column::ALL.into_iter().filter(|column| is_field(*column, request)).collect(),
            false => with(&request.chosen, &request.added()),
        };
        if options.is_some() && !columns.contains(&Column::Options) {
            columns.push(Column::Options);
        }
        let fields = |column: &Column| match (column, &options) {
            (Column::Options, Some(options)) => options.iter().copied().map(Key::Option).collect(),
            (column, _) => vec![Key::Column(*column)],
        };
        let keys = columns.iter().flat_map(fields).collect();
        ColumnList { keys, ..ColumnList::by_layout(|_| columns.clone()) }
    }

    /// The columns that the block of a socket is made from. The processes and the other end cost an iteration over all
    /// descriptors and over all connections, but whoever looks at a socket in depth asks for them first.
    pub fn for_blocks(request: &ColumnRequest) -> ColumnList {
        use Column::*;
        let mut columns = vec![
            Protocol,
            Type,
            State,
            Diag,
            Recvq,
            Sendq,
            Drops,
            Local,
            Remote,
            Interface,
            Uid,
            Inode,
            Cookie,
            Netns,
            Master,
            Group,
            Program,
            Peer,
            PeerProgram,
            Unit,
            Container,
            Sockmap,
            Timer,
            Options,
        ];
        columns.extend(request.netns.then_some(NetnsName));
        columns.extend(request.labels.then_some(Xattrs));
        ColumnList::by_layout(|_| columns.clone())
    }

    /// The columns among these keys, for an output that shows the keys.
    pub fn for_keys(keys: &[Key]) -> ColumnList {
        let mut distinct: Vec<Key> = Vec::new();
        for key in keys {
            if !distinct.contains(key) {
                distinct.push(*key);
            }
        }
        let column = |key: &Key| match key {
            Key::Column(column) => Some(*column),
            Key::Option(_) | Key::Versions(..) | Key::Member(..) => None,
        };
        let columns: Vec<Column> = distinct.iter().filter_map(column).collect();
        ColumnList { keys: distinct, ..ColumnList::by_layout(|_| columns.clone()) }
    }

    /// The columns that the summary is made from.
    pub fn for_summary() -> ColumnList {
        use Column::{Options, Owner, Protocol, State};
        ColumnList::by_layout(|_| vec![Protocol, State, Owner, Options])
    }

    /// The columns that metrics without keys are made from.
    pub fn for_metrics() -> ColumnList {
        use Column::{Options, Protocol, Set, State};
        ColumnList::by_layout(|_| vec![Protocol, State, Options, Set])
    }

    fn by_layout(columns: impl FnMut(Layout) -> Vec<Column>) -> ColumnList {
        ColumnList { columns: Layout::ALL.map(columns), keys: Vec::new() }
    }

    /// The columns and options of an output in which every socket has the same ones. Empty for others.
    pub fn keys(&self) -> &[Key] {
        &self.keys
    }

    /// The columns of a layout, in order.
    pub fn of(&self, layout: Layout) -> &[Column] {
        &self.columns[layout as usize]
    }

    /// Whether any layout has the column.
    pub fn has(&self, column: Column) -> bool {
        self.columns.iter().any(|columns| columns.contains(&column))
    }

    /// Whether one of the columns needs this to be collected.
    pub fn needs(&self, needs: Needs) -> bool {
        self.columns.iter().flatten().any(|column| column.needs() == needs)
    }
}

/// Whether a record of CSV has the column by default. The ports follow their addresses, and the processes
/// have a field for each of their parts.
fn is_field(column: Column, request: &ColumnRequest) -> bool {
    match column {
        Column::Sport | Column::Dport => true,
        Column::Pid | Column::Command => request.programs,
        Column::PeerPid | Column::PeerCommand => request.peers,
        Column::Program | Column::PeerProgram => false,
        // Their fields are the processes.
        Column::ListenerProgram | Column::CarrierProgram => false,
        column => request.has_member(column),
    }
}

impl ColumnRequest {
    /// Whether a JSON object has the column, unless columns are chosen.
    fn has_member(&self, column: Column) -> bool {
        let is_wanted = match column.needs() {
            Needs::Holders => self.programs,
            Needs::Peer | Needs::PeerHolders => self.peers,
            Needs::Nothing | Needs::Options | Needs::Facts(_) => true,
        };
        is_wanted && column.is_default_member() || self.labels && column == Column::Xattrs
    }

    /// The columns that other flags add, in the order of netstat.
    fn added(&self) -> Vec<Column> {
        let added: [(bool, &[Column]); 6] = [
            (self.netns, &[Column::Netns]),
            (self.extended, &[Column::Uid, Column::Inode, Column::Group]),
            (self.labels, &[Column::Xattrs]),
            (self.programs, &[Column::Program]),
            (self.peers, &[Column::PeerProgram]),
            (self.timers, &[Column::Timer]),
        ];
        added
            .iter()
            .filter(|(wanted, _)| *wanted)
            .flat_map(|(_, columns)| *columns)
            .copied()
            .collect()
    }
}

/// The default columns: those of netstat, and those of the knetstat kernel module.
fn netstat(layout: Layout) -> &'static [Column] {
    use Column::*;
    match layout {
        Layout::Ends => &[Protocol, Recvq, Sendq, Local, Remote, State, Diag, Options],
        Layout::Unix => &[Protocol, Recvq, Sendq, Type, State, Inode, Peer, Local, Options],
    }
}

/// Combines the columns with the added columns, without duplicates. The added ones are inserted before the
/// last columns, which netstat does not have, because nothing can be aligned behind the options.
fn with(columns: &[Column], added: &[Column]) -> Vec<Column> {
    let is_last = |column: &Column| matches!(column, Column::Diag | Column::Options | Column::Set);
    let last = columns.iter().rev().take_while(|column| is_last(column)).count();
    let (first, last) = columns.split_at(columns.len() - last);
    let mut all: Vec<Column> = Vec::new();
    for column in first.iter().chain(added).chain(last) {
        if !all.contains(column) {
            all.push(*column);
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(list: &ColumnList, layout: Layout) -> String {
        list.of(layout).iter().map(|column| column.name()).collect::<Vec<_>>().join(" ")
    }

    fn request(chosen: &[Column]) -> ColumnRequest {
        let chosen = chosen.to_vec();
        ColumnRequest {
            chosen,
            extended: true,
            labels: true,
            programs: true,
            peers: true,
            timers: true,
            netns: true,
        }
    }

    #[test]
    fn the_table_has_the_columns_of_netstat() {
        let plain = ColumnList::for_table(&ColumnRequest::default());
        assert_eq!(
            names(&plain, Layout::Ends),
            "protocol recvq sendq local remote state diag options"
        );
        let all = ColumnList::for_table(&request(&[]));
        assert_eq!(
            names(&all, Layout::Ends),
            "protocol recvq sendq local remote state netns uid inode group xattrs program peer_program timer diag options"
        );
        assert_eq!(
            names(&all, Layout::Unix),
            "protocol recvq sendq type state inode peer local netns uid xattrs program peer_program options"
        );
    }

    #[test]
    fn flags_add_to_the_chosen_columns_what_is_missing() {
        let chosen = [Column::Inode, Column::Sport, Column::Local, Column::Inode, Column::Options];
        let list = ColumnList::for_table(&request(&chosen));
        assert_eq!(
            names(&list, Layout::Ends),
            "inode sport local netns uid group xattrs program peer_program timer options"
        );
        assert_eq!(
            names(&list, Layout::Unix),
            "inode local netns uid xattrs program peer_program options"
        );
        let list = ColumnList::for_objects(&request(&[Column::Options, Column::Local]));
        assert_eq!(
            names(&list, Layout::Unix),
            "options local netns uid inode group xattrs program peer_program timer owner kernel_user listener listener_inode listener_program carrier carrier_program peer_owner"
        );
    }

    #[test]
    fn only_what_is_shown_is_collected() {
        let plain = ColumnRequest::default();
        assert!(!ColumnList::for_objects(&plain).needs(Needs::Holders));
        assert!(ColumnList::for_objects(&plain).needs(Needs::Options));
        let fd = ColumnRequest { chosen: vec![Column::Fd], ..plain };
        assert!(ColumnList::for_table(&fd).needs(Needs::Holders));
        assert!(!ColumnList::for_table(&fd).needs(Needs::Options));
    }
}
