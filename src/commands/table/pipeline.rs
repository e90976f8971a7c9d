//! From records to rows: decode, filter, find the owner, read the options, write.

use std::io::{BufRead, Read};

use crate::commands::table::namespaces::Namespaces;
use crate::commands::table::plans::{Plans, Unknown};
use crate::commands::table::progress::Progress;
use crate::commands::table::rows::Rows;
use crate::commands::table::seen::Seen;
use crate::commands::table::sort::{SortedRow, Sorter};
use crate::config::Config;
use crate::error::Error;
use crate::options::context::Context;
use crate::options::origin::{self, Origin};
use crate::options::plan::OptionValue;
use crate::output::Output;
use crate::query::columns::Column;
use crate::query::filter::Undecided;
use crate::query::key::Key;
use crate::query::layout::Layout;
use crate::query::lost::Lost;
use crate::query::row::{Holders, Row};
use crate::record::{Record, Records};
use crate::socket::holders::{Holder, Owners};
use crate::socket::kind::SocketKind;
use crate::socket::listener::Listeners;
use crate::socket::messages::Messages;
use crate::socket::owner::{Claim, Owner, Via};
use crate::socket::peer::Peer;
use crate::socket::{Names, Socket};

/// The number of bytes of records that may be held back. Beyond it, the second iteration is made at once.
const HELD_MAX: usize = 16 * 1024 * 1024;

/// The holders of sockets: the result of one iteration over all descriptors, and another one for each
/// section of the table, for sockets whose holder the first did not find.
pub struct Ownership<R> {
    owners: Owners,
    again: Vec<R>,
    /// The sockets in messages, and the listeners of unix sockets that wait to be accepted.
    messages: Messages,
    /// The listeners of the other connections that wait to be accepted.
    pub listeners: Listeners,
    /// Whether neither messages nor sockets that only an io_uring holds can be found, so that it is unknown whether the
    /// others are held elsewhere.
    pub is_partial: bool,
}

impl<R: Read> Ownership<R> {
    /// Reads the first iteration. The others, one for each section, are read when they are needed.
    ///
    /// # Errors
    ///
    /// When the first iteration cannot be read.
    pub fn new(first: R, again: Vec<R>) -> Result<Ownership<R>, Error> {
        let owners = Owners::read(first)?;
        let (messages, listeners) = (Messages::default(), Listeners::default());
        Ok(Ownership { owners, again, messages, listeners, is_partial: false })
    }

    /// Adds the sockets in messages.
    pub fn add_messages(&mut self, messages: Messages) {
        self.messages = messages;
        self.follow_messages();
    }

    fn follow_messages(&mut self) {
        let owners = &self.owners;
        self.messages.follow(|inode| !owners.with_inode(inode).is_empty());
    }

    /// The sockets in messages.
    pub fn messages(&self) -> &Messages {
        &self.messages
    }

    /// The holders of a socket, of its peer, and of what leads to processes, as far as this iteration tells.
    fn find(&self, socket: &Socket, peer: Peer) -> Holders<'_> {
        let of_socket = self.owners.of(Claim::of(socket));
        let of_peer = peer.claim().map(|claim| self.owners.of(claim));
        let listener = || {
            let listener = self.listeners.of(socket, of_socket.1);
            listener.or_else(|| self.messages.listener_of(socket, of_socket.1))
        };
        let of_peers_via = |claim: Claim| {
            let listener = || {
                let listener = self.listeners.of_peer(socket, claim);
                listener.or_else(|| self.messages.listener_of_peer(socket, claim))
            };
            self.via(claim.inode, of_peer?.1, listener)
        };
        Holders {
            of_socket: Some(of_socket),
            of_via: self.via(socket.held_inode(), of_socket.1, listener),
            of_peer,
            of_peers_via: peer.claim().and_then(of_peers_via),
        }
    }

    /// The same holders, with the reasons that no further iteration will change.
    fn settled<'a>(&self, holders: Holders<'a>, socket: &Socket, lost: &Lost) -> Holders<'a> {
        let in_flight = |owner, via: Option<_>| match owner {
            Owner::Elsewhere if via.is_some() => Owner::InFlight,
            Owner::Elsewhere if self.is_partial => Owner::Unknown,
            owner => owner,
        };
        let of_socket = holders.of_socket.map(|(of_socket, owner)| match of_socket {
            [] => (of_socket, lost.without_reason(socket, in_flight(owner, holders.of_via))),
            _ => (of_socket, owner),
        });
        let of_peer = holders.of_peer;
        let of_peer =
            of_peer.map(|(of_peer, owner)| (of_peer, in_flight(owner, holders.of_peers_via)));
        Holders { of_socket, of_peer, ..holders }
    }

    /// The socket that leads to processes where none holds the one with this inode, and its holders.
    fn via(
        &self,
        inode: u64,
        owner: Owner,
        listener: impl FnOnce() -> Option<Via>,
    ) -> Option<(&[Holder], Via)> {
        match owner {
            Owner::Elsewhere => self.messages.of(inode, &self.owners),
            _ => listener().map(|listener| self.through(listener)),
        }
    }

    /// The holders of a listener or, if it is in a message itself, those of its carrier.
    fn through(&self, listener: Via) -> (&[Holder], Via) {
        let holders = self.owners.with_inode(listener.inode());
        if !holders.is_empty() {
            return (holders, listener);
        }
        match self.messages.of(listener.inode(), &self.owners) {
            Some((holders, _)) => (holders, listener.in_flight()),
            None => (holders, listener),
        }
    }

    /// The holders that the last iteration found.
    pub fn owners(&self) -> &Owners {
        &self.owners
    }

    /// Reads one of the other iterations, if one is left.
    fn look_again(&mut self) -> Result<(), Error> {
        if let Some(again) = self.again.pop() {
            self.owners = Owners::read(again)?;
            self.follow_messages();
        }
        Ok(())
    }
}

/// Whether another iteration may find holders that this one has not.
fn may_change(holders: Holders) -> bool {
    let is_elsewhere = |found| matches!(found, Some((_, Owner::Elsewhere)));
    let is_unheld = |via: Option<(&[Holder], Via)>| {
        via.is_some_and(|(holders, via)| holders.is_empty() || via.is_in_flight())
    };
    [holders.of_socket, holders.of_peer].into_iter().any(is_elsewhere)
        || [holders.of_via, holders.of_peers_via].into_iter().any(is_unheld)
}

/// Writes every socket that the configuration selects, but does not end the output: the caller decides
/// whether it is complete. Ends early if the output needs no further socket. Returns the protocols of sockets
/// for which it is not known which options are set.
///
/// # Errors
///
/// When the records cannot be read, or the output cannot be written.
pub fn print<R: BufRead, W: Read>(
    records: Records<R>,
    config: &Config,
    namespaces: &Namespaces,
    ownership: Option<Ownership<W>>,
    output: &mut dyn Output,
    progress: &Progress,
) -> Result<Unknown, Error> {
    let mut printer = Printer {
        config,
        namespaces,
        rows: Rows::new(config, namespaces),
        plans: Plans::new(config.shown_options(), namespaces.all().len()),
        noted: vec![[false; SocketKind::ALL.len()]; namespaces.all().len()],
        unknown: Unknown::default(),
        ownership,
        layout: None,
        seen: Seen::new(namespaces.own_inodes()),
        held: Vec::new(),
        looked_again: false,
        sorter: (!config.sort.is_empty() || config.resolver.is_some())
            .then(|| Sorter::new(&config.sort)),
        output,
        progress,
    };
    printer.output.begin().map_err(Error::Output)?;
    config.resolver.iter().for_each(|resolver| resolver.begin_reading());
    let mut records = records.requiring(config.sections());
    while let Some(record) = records.next_record()? {
        progress.count_socket();
        printer.record(record)?;
        if printer.held.len() > HELD_MAX {
            printer.write_held()?;
        }
        // Rows that wait for names are not held back without limit either.
        if config.sort.is_empty() && printer.sorter.as_ref().is_some_and(|it| it.size() > HELD_MAX)
        {
            printer.write_sorted()?;
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
    rows: Rows<'a>,
    plans: Plans<'a>,
    /// Whether a kind is already in `unknown`, by the index of the network namespace.
    noted: Vec<[bool; SocketKind::ALL.len()]>,
    unknown: Unknown,
    ownership: Option<Ownership<W>>,
    /// The layout of the section that is being written.
    layout: Option<Layout>,
    seen: Seen,
    /// The records of sockets without a known holder, or whose peers have none. They may have been opened after the
    /// iteration over descriptors.
    held: Vec<u8>,
    /// Whether the second iteration for this section has been made.
    looked_again: bool,
    /// The rows of this section, or of all sections if the output has none, if they are sorted. Otherwise those that wait
    /// for the names of hosts. The names are asked for once all sockets of the section have been read, so that the sockets
    /// with which they are asked for are not among these.
    sorter: Option<Sorter<'a>>,
    output: &'a mut dyn Output,
    progress: &'a Progress,
}

impl<W: Read> Printer<'_, W> {
    fn record(&mut self, record: Record) -> Result<(), Error> {
        let mut socket = Socket::decode(record);
        self.config.lost.take_from(&mut socket);
        let Some(index) = self.namespaces.index(socket.netns) else {
            return Ok(());
        };
        if !self.namespaces.all()[index].filter.admits(&socket) {
            return Ok(());
        }
        self.rows.ask(&socket, index);
        let filter = &self.config.filter;
        if filter.has_early_part() {
            let row = self.rows.of(&socket, index);
            if !filter.selects(&row) {
                let undecided = filter.undecided(&row);
                self.leave_out(undecided, index, socket.kind);
                return Ok(());
            }
        }
        if self.seen.has(&socket) {
            return Ok(());
        }
        let layout = socket.kind.family().layout();
        if self.layout != Some(layout) {
            self.change_to(Some(layout))?;
            // Sockets that were held back have been asked in between.
            self.rows.ask(&socket, index);
        }
        self.socket(socket, index, None)
    }

    /// Ends a section, and begins the sections up to this layout or, with `None`, all that are left.
    fn change_to(&mut self, layout: Option<Layout>) -> Result<(), Error> {
        self.write_held()?;
        if self.config.format.has_sections {
            self.write_sorted()?;
        }
        for next in self.config.filter.layouts() {
            if self.layout < Some(*next) && layout.is_none_or(|layout| *next <= layout) {
                self.output.section(*next).map_err(Error::Output)?;
                self.layout = Some(*next);
                // The sockets of this section may have been opened after the iteration for the last one.
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
        let peer = self.namespaces.peer(&socket);
        let holders = match (sorted, &self.ownership) {
            (Some(sorted), _) => sorted.holders(),
            (None, Some(ownership)) => {
                let found = ownership.find(&socket, peer);
                let may_hold = !self.looked_again && !ownership.again.is_empty();
                if may_hold && may_change(found) {
                    self.held.extend_from_slice(socket.record.bytes);
                    return Ok(());
                }
                ownership.settled(found, &socket, &self.config.lost)
            }
            (None, None) => Holders::default(),
        };
        let (filter, is_new) = (&self.config.filter, sorted.is_none());
        let namespace = &self.namespaces.all()[index];
        let row = Row { holders, peer, ..self.rows.of(&socket, index) };
        if is_new && !filter.needs_options() && !filter.selects_late(&row) {
            let undecided = filter.undecided(&row);
            self.leave_out(undecided, index, socket.kind);
            return Ok(());
        }
        let context = Context::new(&socket.record, &namespace.host);
        let plan = self.plans.read(index, namespace, socket.kind, &context);
        let plan = self.plans.plan(plan);
        let (knows_set, is_partial) = (plan.knows_set, plan.is_partial && !socket.is_mini());
        let row = Row { options: plan.shown(), is_partial, knows_set, ..row };
        if is_new && filter.needs_options() && !filter.selects_late(&row) {
            let undecided = filter.undecided(&row);
            self.leave_out(undecided, index, socket.kind);
            return Ok(());
        }
        if is_new {
            self.progress.count_row();
            self.note_processes(row.holders);
        }
        let waits = needs_names(self.config, &row) || !self.config.sort.is_empty();
        if let (Some(sorter), true, true) = (&mut self.sorter, is_new, waits) {
            sorter.add(&row, index);
            // The rows are sorted by the numbers that the groups have now.
            if self.config.sort.iter().any(|it| it.key == Key::Column(Column::Group)) {
                self.rows.number_group(&socket);
            }
            return Ok(());
        }
        self.output.row(&row).map_err(Error::Output)?;
        if !self.noted[index][socket.kind.index()] && is_unknown(self.config, &row) {
            self.note_unknown(index, socket.kind);
        }
        self.rows.number_group(&socket);
        Ok(())
    }

    /// Notes the processes of a row, if some were asked for.
    fn note_processes(&self, holders: Holders) {
        if self.config.pids.is_empty() {
            return;
        }
        let (of_socket, _) = holders.of_socket.unwrap_or((&[], Owner::Unknown));
        of_socket.iter().for_each(|holder| self.namespaces.asked_pids().found(holder.task.pid));
    }

    /// Notes why a socket is left out that might be shown if more were known.
    fn leave_out(&mut self, undecided: Undecided, index: usize, kind: SocketKind) {
        if undecided.set {
            self.note_unknown(index, kind);
        }
        self.unknown.add_list(undecided.list, &self.namespaces.all()[index], kind);
    }

    /// Notes that it is not known which options of sockets of this kind are set, although that was asked.
    fn note_unknown(&mut self, index: usize, kind: SocketKind) {
        if !std::mem::replace(&mut self.noted[index][kind.index()], true) {
            self.unknown.add(&self.namespaces.all()[index], kind);
        }
    }

    /// Writes the rows that were added to be sorted, or that wait for names.
    fn write_sorted(&mut self) -> Result<(), Error> {
        let Some(sorter) = &mut self.sorter else { return Ok(()) };
        let sorted = sorter.take();
        if let Some(resolver) = self.config.resolver.as_ref().filter(|it| it.has_questions()) {
            if self.config.sort.is_empty() {
                self.output.flush().map_err(Error::Output)?;
            }
            resolver.ask();
        }
        let mut buffer = Vec::new();
        for row in sorted.rows() {
            let Some(record) = sorted.record(row, &mut buffer) else { continue };
            let mut socket = Socket::decode(record);
            self.config.lost.take_from(&mut socket);
            self.rows.ask(&socket, row.namespace);
            self.socket(socket, row.namespace, Some(row))?;
        }
        Ok(())
    }

    /// Iterates over all descriptors once more, if needed, and writes the sockets that were held back.
    fn write_held(&mut self) -> Result<(), Error> {
        if self.held.is_empty() {
            return Ok(());
        }
        self.ownership.as_mut().map(Ownership::look_again).transpose()?;
        self.looked_again = true;
        let held = std::mem::take(&mut self.held);
        let mut records = Records::new(held.as_slice()).requiring(self.config.sections());
        while let Some(record) = records.next_record()? {
            let mut socket = Socket::decode(record);
            self.config.lost.take_from(&mut socket);
            let index = self.namespaces.index(socket.netns).unwrap_or_default();
            self.rows.ask(&socket, index);
            self.socket(socket, index, None)?;
        }
        Ok(())
    }
}

/// Whether the row shows the name of a host that must be asked for.
fn needs_names(config: &Config, row: &Row) -> bool {
    let (Some(resolver), Names::Internet { local, remote }) = (&config.resolver, row.socket.names)
    else {
        return false;
    };
    let columns = config.columns.of(row.layout());
    let ends = [([Column::Local, Column::Saddr], local), ([Column::Remote, Column::Daddr], remote)];
    let shown = ends.into_iter().filter(|(names, _)| columns.iter().any(|it| names.contains(it)));
    // Every name is noted, so that all are asked for together.
    shown.filter(|(_, end)| resolver.must_ask(end.address)).count() > 0
}

/// Whether what is shown of the row is incomplete, because it is unknown which options are set.
fn is_unknown(config: &Config, row: &Row) -> bool {
    let columns = config.columns.of(row.layout());
    let asks = |column| columns.contains(&column);
    let lacks_origin = |shown: &OptionValue| {
        let (kind, host) = (row.socket.kind, row.context.host());
        origin::of(shown, kind, row.answers, host) == Origin::Unknown
    };
    asks(Column::Options) && row.is_partial
        || asks(Column::Set) && !row.knows_set && !row.socket.is_mini()
        || config.format.explains && !row.socket.is_mini() && row.options.iter().any(lacks_origin)
}
