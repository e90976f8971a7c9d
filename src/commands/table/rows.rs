//! Rows, with what the filter asks of them.

use std::collections::HashMap;
use std::rc::Rc;

use crate::commands::table::namespaces::Namespaces;
use crate::commands::table::plans::Plans;
use crate::config::Config;
use crate::options::context::Context;
use crate::options::plan::Plan;
use crate::options::selection::Selection;
use crate::query::row::{Holders, Row};
use crate::socket::peer::Peer;
use crate::socket::Socket;

/// Makes the row of one socket after the other.
pub struct Rows<'a> {
    config: &'a Config,
    namespaces: &'a Namespaces,
    /// The plans for the options that keys ask for.
    plans: Plans<'a>,
    /// Whether there are such options.
    asks: bool,
    /// The number of the plan that has those of the last socket.
    asked: Option<usize>,
    groups: Groups,
}

impl<'a> Rows<'a> {
    /// Prepares rows of sockets in these namespaces.
    pub fn new(config: &'a Config, namespaces: &'a Namespaces) -> Rows<'a> {
        let plans = Plans::new(Some(&config.asked), namespaces.all().len());
        let asks = config.asked != Selection::default();
        Rows { config, namespaces, plans, asks, asked: None, groups: Groups::default() }
    }

    /// Reads the options of a socket that keys ask for. `index` is the index of its network namespace.
    pub fn ask(&mut self, socket: &Socket, index: usize) {
        if !self.asks {
            return;
        }
        let namespace = &self.namespaces.all()[index];
        let context = Context::new(&socket.record, &namespace.host);
        self.asked = Some(self.plans.read(index, namespace, socket.kind, &context));
    }

    /// The row of the socket that was last asked, without its holders, its peer and the options to show.
    pub fn of<'r>(&'r self, socket: &'r Socket, index: usize) -> Row<'r> {
        let (namespace, names) = (&self.namespaces.all()[index], self.namespaces.names());
        let asked = self.asked.map(|number| self.plans.plan(number));
        Row {
            socket,
            context: Context::new(&socket.record, &namespace.host),
            lost: self.config.lost.by(socket),
            options: &[],
            asked: asked.map(Plan::shown).unwrap_or_default(),
            is_partial: false,
            knows_set: asked.is_some_and(|plan| plan.knows_set),
            answers: namespace.defaults.answers(socket.kind).map(Rc::as_ref),
            reuseport: self.groups.number(socket),
            netns_name: names.of(socket.netns),
            knows_netns_names: names.are_complete(),
            cgroups: self.namespaces.cgroups(),
            processes: self.namespaces.processes(),
            labels: self.namespaces.labels(),
            resolver: self.config.resolver.as_deref(),
            holders: Holders::default(),
            peer: Peer::None,
        }
    }

    /// Numbers the SO_REUSEPORT group of a socket that is shown.
    pub fn number_group(&mut self, socket: &Socket) {
        self.groups.add(socket);
    }
}

/// The groups of sockets that share a port, numbered as they appear in the output.
#[derive(Default)]
struct Groups(HashMap<u64, usize>);

impl Groups {
    /// The number of the group that a socket belongs to. A group that has not appeared yet has the next one.
    fn number(&self, socket: &Socket) -> Option<usize> {
        match socket.record.header.reuseport_group {
            0 => None,
            group => Some(self.0.get(&group).copied().unwrap_or(self.0.len() + 1)),
        }
    }

    fn add(&mut self, socket: &Socket) {
        if let Some(number) = self.number(socket) {
            self.0.entry(socket.record.header.reuseport_group).or_insert(number);
        }
    }
}
