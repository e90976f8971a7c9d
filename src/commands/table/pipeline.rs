//! From records to rows: decode, filter, find the owner, read the options, write.

use std::collections::{HashMap, HashSet};
use std::io::Read;

use crate::commands::table::namespaces::Namespaces;
use crate::commands::table::plans::{Plans, Unknown};
use crate::commands::table::sort::{SortedRow, Sorter};
use crate::config::Config;
use crate::error::Error;
use crate::options::context::Context;
use crate::options::plan::OptionValue;
use crate::output::Output;
use crate::query::columns::Column;
use crate::query::layout::Layout;
use crate::query::row::Row;
use crate::record::{Record, Records};
use crate::socket::kind::SocketKind;
use crate::socket::owner::{Owner, Owners};
use crate::socket::{Identity, Socket};

/// The number of bytes of records that may be held back. Beyond it, the second walk is made at once.
const HELD_MAX: usize = 16 * 1024 * 1024;

/// The holders of sockets: the result of one walk through all descriptors, and another walk for each
/// section of the table, for sockets whose holder the first did not find.
pub struct Ownership<R> {
    owners: Owners,
    again: Vec<R>,
}

impl<R: Read> Ownership<R> {
    /// Reads the first walk. The others, one for each section, are read when they are needed.
    ///
    /// # Errors
    ///
    /// When the first walk cannot be read.
    pub fn new(first: R, again: Vec<R>) -> Result<Ownership<R>, Error> {
        Ok(Ownership { owners: Owners::read(first)?, again })
    }

    /// Reads one of the other walks, if one is left.
    fn look_again(&mut self) -> Result<(), Error> {
        if let Some(again) = self.again.pop() {
            self.owners = Owners::read(again)?;
        }
        Ok(())
    }
}

/// Writes every socket that the configuration selects, but does not end the output: the caller decides
/// whether it is complete. Ends early if the output needs no further socket. Returns the protocols of sockets
/// for which it is not known which options are set.
///
/// # Errors
///
/// When the records cannot be read, or the output cannot be written.
pub fn print<R: Read, W: Read>(
    mut records: Records<R>,
    config: &Config,
    namespaces: &Namespaces,
    ownership: Option<Ownership<W>>,
    output: &mut dyn Output,
) -> Result<Unknown, Error> {
    let own_cookies = namespaces.all().iter().filter_map(|namespace| namespace.host.own_cookie());
    let mut printer = Printer {
        config,
        namespaces,
        plans: Plans::new(config.shown_options(), namespaces.all().len()),
        asked_plans: Plans::new(Some(&config.asked), namespaces.all().len()),
        noted: vec![[false; SocketKind::ALL.len()]; namespaces.all().len()],
        unknown: Unknown::default(),
        ownership,
        layout: None,
        seen: own_cookies.map(Identity::Cookie).collect(),
        groups: HashMap::new(),
        held: Vec::new(),
        looked_again: false,
        sorter: (!config.sort.is_empty()).then(|| Sorter::new(&config.sort)),
        shown: Vec::new(),
        asked: Vec::new(),
        output,
    };
    printer.output.begin().map_err(Error::Output)?;
    while let Some(record) = records.next_record()? {
        printer.record(record)?;
        if printer.held.len() > HELD_MAX {
            printer.write_held()?;
        }
        if printer.output.is_done() {
            return Ok(printer.unknown);
        }
    }
    printer.change_to(None)?;
    printer.write_sorted()?;
    Ok(printer.unknown)
}

struct Printer<'a, W> {
    config: &'a Config,
    namespaces: &'a Namespaces,
    plans: Plans<'a>,
    /// The plans for the options that keys ask for.
    asked_plans: Plans<'a>,
    /// Whether a kind is already in `unknown`, by the index of the network namespace.
    noted: Vec<[bool; SocketKind::ALL.len()]>,
    unknown: Unknown,
    ownership: Option<Ownership<W>>,
    /// The layout of the section that is being written.
    layout: Option<Layout>,
    /// The sockets from walks that may return a socket twice, and the sockets of knetstat itself.
    seen: HashSet<Identity>,
    /// The numbers of the groups of sockets that share a port, by the identities of the groups.
    groups: HashMap<u64, usize>,
    /// The records of sockets without a known holder, which may have been opened after the walk.
    held: Vec<u8>,
    /// Whether the second walk for this section has been made.
    looked_again: bool,
    /// The rows of this section, or of all sections if the output has none, if they are sorted.
    sorter: Option<Sorter<'a>>,
    shown: Vec<OptionValue>,
    asked: Vec<OptionValue>,
    output: &'a mut dyn Output,
}

impl<W: Read> Printer<'_, W> {
    fn record(&mut self, record: Record) -> Result<(), Error> {
        let mut socket = Socket::decode(record);
        self.config.lost.take_from(&mut socket);
        let Some(index) = self.namespaces.index(socket.netns) else {
            return Ok(());
        };
        if !self.namespaces.all()[index].filter.matches(&socket) || self.has_seen(&socket) {
            return Ok(());
        }
        let layout = socket.kind.family().layout();
        if self.layout != Some(layout) {
            self.change_to(Some(layout))?;
        }
        self.socket(socket, index, None)
    }

    /// Whether the socket has been shown already. A socket from a walk that returns each socket once is
    /// not remembered, but an earlier walk may have returned it.
    fn has_seen(&mut self, socket: &Socket) -> bool {
        match socket.comes_once() {
            true => self.seen.contains(&socket.identity()),
            false => !self.seen.insert(socket.identity()),
        }
    }

    /// Ends a section, and begins the sections up to this layout or, with `None`, all that are left.
    fn change_to(&mut self, layout: Option<Layout>) -> Result<(), Error> {
        self.write_held()?;
        if self.config.format.has_sections {
            self.write_sorted()?;
        }
        for next in &self.config.filter.layouts() {
            if self.layout < Some(*next) && layout.is_none_or(|layout| *next <= layout) {
                self.output.section(*next).map_err(Error::Output)?;
                self.layout = Some(*next);
                // The sockets of this section may have been opened after the walk for the last one.
                self.looked_again = false;
            }
        }
        Ok(())
    }

    /// Writes a socket, or holds it back, or adds it to the rows to sort. `index` is the index of its network
    /// namespace. `sorted` is the row as it was when it was added.
    fn socket(
        &mut self,
        socket: Socket,
        index: usize,
        sorted: Option<&SortedRow>,
    ) -> Result<(), Error> {
        let filter = &self.config.filter;
        let mut holders = None;
        if let Some(sorted) = sorted {
            holders = sorted.holders();
        } else if let Some(ownership) = &self.ownership {
            let found = ownership.owners.of(&socket);
            let may_hold = !self.looked_again && !ownership.again.is_empty();
            if found.1 == Owner::Elsewhere && may_hold {
                self.held.extend_from_slice(socket.record.bytes);
                return Ok(());
            }
            if !filter.matches_holders(found.0) {
                return Ok(());
            }
            holders = Some(self.config.lost.without_reason(&socket, found));
        } else if filter.needs_owners() {
            // It is not known whether the socket matches.
            return Ok(());
        }
        let (namespace, names) = (&self.namespaces.all()[index], self.namespaces.names());
        let context = Context::new(&socket.record, &namespace.host);
        let plan = self.plans.of(index, namespace, socket.kind);
        plan.apply(&context, &mut self.shown);
        self.asked_plans.of(index, namespace, socket.kind).apply(&context, &mut self.asked);
        let is_partial = plan.is_partial && !socket.is_mini();
        let row = Row {
            socket: &socket,
            context,
            lost: self.config.lost.by(&socket),
            options: &self.shown,
            asked: &self.asked,
            is_partial,
            knows_set: plan.knows_set,
            reuseport: number_of_group(&mut self.groups, &socket),
            netns_name: names.of(socket.netns),
            knows_netns_names: names.are_complete(),
            holders,
        };
        if let (Some(sorter), None) = (&mut self.sorter, sorted) {
            sorter.add(&row, index);
            return Ok(());
        }
        self.output.row(&row).map_err(Error::Output)?;
        if is_unknown(self.config, &row)
            && !std::mem::replace(&mut self.noted[index][socket.kind.index()], true)
        {
            self.unknown.add(namespace, socket.kind);
        }
        Ok(())
    }

    /// Writes the rows that were added to be sorted.
    fn write_sorted(&mut self) -> Result<(), Error> {
        let Some(sorter) = &mut self.sorter else { return Ok(()) };
        let sorted = sorter.take();
        let mut buffer = Vec::new();
        for row in sorted.rows() {
            let Some(record) = sorted.record(row, &mut buffer) else { continue };
            let mut socket = Socket::decode(record);
            self.config.lost.take_from(&mut socket);
            self.socket(socket, row.namespace, Some(row))?;
        }
        Ok(())
    }

    /// Walks through all descriptors once more, if needed, and writes the sockets that were held back.
    fn write_held(&mut self) -> Result<(), Error> {
        if self.held.is_empty() {
            return Ok(());
        }
        self.ownership.as_mut().map(Ownership::look_again).transpose()?;
        self.looked_again = true;
        let held = std::mem::take(&mut self.held);
        let mut records = Records::new(held.as_slice());
        while let Some(record) = records.next_record()? {
            let mut socket = Socket::decode(record);
            self.config.lost.take_from(&mut socket);
            let index = self.namespaces.index(socket.netns).unwrap_or_default();
            self.socket(socket, index, None)?;
        }
        Ok(())
    }
}

/// Whether a shown column of the row is incomplete, because it is unknown which options are set.
fn is_unknown(config: &Config, row: &Row) -> bool {
    let columns = config.columns.of(row.layout());
    let asks = |column| columns.contains(&column);
    asks(Column::Options) && row.is_partial
        || asks(Column::Set) && !row.knows_set && !row.socket.is_mini()
}

/// The number of the group with which a socket shares its port. Groups are numbered as they appear.
fn number_of_group(groups: &mut HashMap<u64, usize>, socket: &Socket) -> Option<usize> {
    let next = groups.len() + 1;
    match socket.record.header.reuseport_group {
        0 => None,
        group => Some(*groups.entry(group).or_insert(next)),
    }
}
