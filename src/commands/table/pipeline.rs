//! From records to rows: decode, filter, find the owner, read the options, write.

use std::collections::{HashMap, HashSet};
use std::io::Read;

use crate::commands::table::namespaces::Namespaces;
use crate::commands::table::plans::{Plans, Unknown};
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

/// How many bytes of records are held back until the second walk; then it comes at once.
const HELD_MAX: usize = 16 * 1024 * 1024;

/// Who holds the sockets: what one walk through all descriptors found, and for each section of the table
/// another walk, for the sockets that it did not explain.
pub struct Ownership<R> {
    owners: Owners,
    again: Vec<R>,
}

impl<R: Read> Ownership<R> {
    /// Reads the first walk. The others, one for each section, are kept for when they are needed.
    ///
    /// # Errors
    ///
    /// When the first cannot be read.
    pub fn new(first: R, again: Vec<R>) -> Result<Ownership<R>, Error> {
        Ok(Ownership { owners: Owners::read(first)?, again })
    }

    /// Reads one of the others, if one is left.
    fn look_again(&mut self) -> Result<(), Error> {
        if let Some(again) = self.again.pop() {
            self.owners = Owners::read(again)?;
        }
        Ok(())
    }
}

/// Writes every socket of the records that the configuration selects, but not yet the end: the caller
/// decides whether the output is complete. Returns of which sockets it is not known what is set.
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
        plans: Plans::new(config, namespaces.all().len()),
        noted: vec![[false; SocketKind::ALL.len()]; namespaces.all().len()],
        unknown: Unknown::default(),
        ownership,
        layout: None,
        seen: own_cookies.map(Identity::Cookie).collect(),
        groups: HashMap::new(),
        held: Vec::new(),
        looked_again: false,
        shown: Vec::new(),
        output,
    };
    printer.output.begin().map_err(Error::Output)?;
    while let Some(record) = records.next_record()? {
        printer.record(record)?;
        if printer.held.len() > HELD_MAX {
            printer.write_held()?;
        }
    }
    printer.change_to(None)?;
    Ok(printer.unknown)
}

struct Printer<'a, W> {
    config: &'a Config,
    namespaces: &'a Namespaces,
    plans: Plans<'a>,
    /// Whether a kind is in `unknown` already, by the index of the network namespace.
    noted: Vec<[bool; SocketKind::ALL.len()]>,
    unknown: Unknown,
    ownership: Option<Ownership<W>>,
    /// The layout of the section that is being written.
    layout: Option<Layout>,
    /// The sockets that came of walks that may come by one twice; and this program's own.
    seen: HashSet<Identity>,
    /// The numbers of the groups of sockets that share a port, by the identities of the groups.
    groups: HashMap<u64, usize>,
    /// Records of sockets that nobody seems to hold: perhaps they were opened after the walk.
    held: Vec<u8>,
    /// Whether the second walk for this section was made.
    looked_again: bool,
    shown: Vec<OptionValue>,
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
        self.socket(socket, index)
    }

    /// Whether the socket was shown already. What comes once need not be remembered; but of the same
    /// sockets another walk may have come before.
    fn has_seen(&mut self, socket: &Socket) -> bool {
        match socket.comes_once() {
            true => self.seen.contains(&socket.identity()),
            false => !self.seen.insert(socket.identity()),
        }
    }

    /// Ends a section, and begins those that follow up to this one, or to the end.
    fn change_to(&mut self, layout: Option<Layout>) -> Result<(), Error> {
        self.write_held()?;
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

    /// `index`: of its network namespace.
    fn socket(&mut self, socket: Socket, index: usize) -> Result<(), Error> {
        let filter = &self.config.filter;
        let mut holders = None;
        if let Some(ownership) = &self.ownership {
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
            // Nobody knows whether it is wanted.
            return Ok(());
        }
        let (namespace, names) = (&self.namespaces.all()[index], self.namespaces.names());
        let context = Context::new(&socket.record, &namespace.host);
        let plan = self.plans.of(index, namespace, socket.kind);
        plan.apply(&context, &mut self.shown);
        let is_partial = plan.is_partial && !socket.is_mini();
        let row = Row {
            socket: &socket,
            context,
            lost: self.config.lost.by(&socket),
            options: &self.shown,
            is_partial,
            knows_set: plan.knows_set,
            reuseport: number_of_group(&mut self.groups, &socket),
            netns_name: names.of(socket.netns),
            knows_netns_names: names.are_complete(),
            holders,
        };
        self.output.row(&row).map_err(Error::Output)?;
        let columns = self.config.columns.of(row.layout());
        let asks = |column| columns.contains(&column);
        let is_unknown = asks(Column::Options) && is_partial
            || asks(Column::Set) && !row.knows_set && !socket.is_mini();
        if is_unknown && !std::mem::replace(&mut self.noted[index][socket.kind.index()], true) {
            self.unknown.add(namespace, socket.kind);
        }
        Ok(())
    }

    /// Walks through all descriptors once more, if there is a reason to, and writes what was held.
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
            self.socket(socket, index)?;
        }
        Ok(())
    }
}

/// The number of the group with which a socket shares its port: groups are numbered as they appear.
fn number_of_group(groups: &mut HashMap<u64, usize>, socket: &Socket) -> Option<usize> {
    let next = groups.len() + 1;
    match socket.record.header.reuseport_group {
        0 => None,
        group => Some(*groups.entry(group).or_insert(next)),
    }
}
