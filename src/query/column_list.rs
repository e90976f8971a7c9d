//! The columns to show: those of netstat or of `--columns`, and those that other flags add.

use crate::query::columns::{Column, Needs};
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
    /// Adds the processes, for `-p`.
    pub programs: bool,
    /// Adds the timer, for `-o`.
    pub timers: bool,
}

/// The columns to show in each layout, without duplicates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnList([Vec<Column>; Layout::ALL.len()]);

impl ColumnList {
    /// The columns of a table. Each layout omits the columns that it does not have.
    pub fn for_table(request: &ColumnRequest) -> ColumnList {
        ColumnList(Layout::ALL.map(|layout| {
            let first = match request.chosen.is_empty() {
                true => netstat(layout),
                false => &request.chosen,
            };
            let mut columns = with(first, &request.added());
            columns.retain(|column| column.heading(layout).is_some());
            columns
        }))
    }

    /// The members of a JSON object, which are the same for every layout.
    pub fn for_objects(request: &ColumnRequest) -> ColumnList {
        let is_default = |column: &Column| {
            column.is_default_member() && (request.programs || column.needs() != Needs::Holders)
        };
        let columns = match request.chosen.is_empty() {
            true => Column::ALL.into_iter().filter(is_default).collect(),
            false => {
                let mut added = request.added();
                // The text of `program` includes the reason why there is no process. The JSON member does
                // not.
                added.extend(request.programs.then_some(Column::Owner));
                with(&request.chosen, &added)
            }
        };
        ColumnList(Layout::ALL.map(|_| columns.clone()))
    }

    /// The columns of a layout, in order.
    pub fn of(&self, layout: Layout) -> &[Column] {
        &self.0[layout as usize]
    }

    /// Whether any layout has the column.
    pub fn has(&self, column: Column) -> bool {
        self.0.iter().any(|columns| columns.contains(&column))
    }

    /// Whether one of the columns needs this to be collected.
    pub fn needs(&self, needs: Needs) -> bool {
        self.0.iter().flatten().any(|column| column.needs() == needs)
    }
}

impl ColumnRequest {
    /// The columns that other flags add, in the order of netstat.
    fn added(&self) -> Vec<Column> {
        let added: [(bool, &[Column]); 4] = [
            (self.netns, &[Column::Netns]),
            (self.extended, &[Column::Uid, Column::Inode, Column::Group]),
            (self.programs, &[Column::Program]),
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
        ColumnRequest { chosen, extended: true, programs: true, timers: true, netns: true }
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
            "protocol recvq sendq local remote state netns uid inode group program timer diag options"
        );
        assert_eq!(
            names(&all, Layout::Unix),
            "protocol recvq sendq type state inode peer local netns uid program options"
        );
    }

    #[test]
    fn flags_add_to_the_chosen_columns_what_is_missing() {
        let chosen = [Column::Inode, Column::Sport, Column::Local, Column::Inode, Column::Options];
        let list = ColumnList::for_table(&request(&chosen));
        assert_eq!(
            names(&list, Layout::Ends),
            "inode sport local netns uid group program timer options"
        );
        assert_eq!(names(&list, Layout::Unix), "inode local netns uid program options");
        let list = ColumnList::for_objects(&request(&[Column::Options, Column::Local]));
        assert_eq!(
            names(&list, Layout::Unix),
            "options local netns uid inode group program timer owner"
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
