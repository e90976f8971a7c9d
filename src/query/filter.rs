//! Decides which sockets are shown. This filter is complete. The BPF programs receive the part that they can
//! test early ([`Prefilter`]), which only saves work.

use crate::kernel::request::{Prefilter, Request};
use crate::query::columns::Needs;
use crate::query::expression::Expression;
use crate::query::key::Key;
use crate::query::layout::Layout;
use crate::query::row::Row;
use crate::record::fact::Sections;
use crate::socket::kind::{Family, SocketKind, Version};
use crate::socket::state::{self, State, States};
use crate::socket::Socket;

/// The whole filter. A socket is shown if all parts match.
#[derive(Clone, Debug, PartialEq)]
pub struct Filter {
    /// The selected kinds, in the order of [`SocketKind::ALL`].
    kinds: [bool; SocketKind::ALL.len()],
    /// The sections of the table. If no kind can match, those of the kinds that were asked for.
    layouts: Vec<Layout>,
    /// Whether sockets that are in no table of the kernel are included.
    pub unbound: bool,
    /// What must hold, in two parts: the second depends on what is collected later.
    early: Expression,
    late: Expression,
    /// Whether the second part depends on the options to show. Kept, because each row asks.
    needs_options: bool,
    /// Whether a part asks which options are set.
    asks_set: bool,
    /// The columns and options that both parts compare. Kept, because each row that is left out asks.
    keys: Vec<Key>,
}

/// What leaves open whether a socket is selected.
#[derive(Clone, Copy, Debug)]
pub struct Undecided {
    /// Whether it is not known which options are set.
    pub set: bool,
    /// The list not all of whose entries are in the record.
    pub list: Option<Key>,
}

impl Default for Filter {
    /// A filter that matches every socket that is in a table of the kernel.
    fn default() -> Filter {
        Filter::new([true; SocketKind::ALL.len()], false, Expression::everything())
    }
}

impl Filter {
    /// Returns a filter for these kinds of sockets. Kinds of which the expression can select none are left
    /// out.
    pub fn new(
        kinds: [bool; SocketKind::ALL.len()],
        unbound: bool,
        expression: Expression,
    ) -> Filter {
        let can_hold = |kind: SocketKind| kinds[kind.index()] && expression.can_hold(kind, None);
        let asked = kinds;
        let kinds = SocketKind::ALL.map(can_hold);
        let layouts = Some(layouts(kinds)).filter(|it| !it.is_empty()).unwrap_or(layouts(asked));
        let asks_set = expression.tests().iter().any(|test| test.asks_set());
        let conjuncts = expression.conjuncts();
        let (late, early) = conjuncts.into_iter().partition(is_late);
        let (early, late) = (Expression::All(early), Expression::All(late));
        let needs_options = late.keys().any(|key| key.needs(Needs::Options));
        let keys = early.keys().chain(late.keys()).collect();
        Filter { kinds, layouts, unbound, early, late, needs_options, asks_set, keys }
    }

    /// Whether sockets of this kind can be shown.
    pub fn wants(&self, kind: SocketKind) -> bool {
        self.kinds[kind.index()]
    }

    /// Excludes UDP-Lite.
    pub fn omit_udp_lite(&mut self) {
        for kind in SocketKind::ALL.into_iter().filter(|kind| kind.is_udp_lite()) {
            self.kinds[kind.index()] = false;
        }
    }

    /// Whether sockets of this family can be shown.
    pub fn wants_family(&self, family: Family) -> bool {
        SocketKind::ALL.iter().any(|kind| kind.family() == family && self.wants(*kind))
    }

    /// The sections of the table that can contain sockets, in order. If there are none, those that were asked for.
    pub fn layouts(&self) -> &[Layout] {
        &self.layouts
    }

    /// Whether sockets like this one are shown, before its values are compared.
    pub fn admits(&self, socket: &Socket) -> bool {
        self.wants(socket.kind) && (self.unbound || !socket.is_unbound())
    }

    /// Whether [`Filter::selects`] depends on the socket.
    pub fn has_early_part(&self) -> bool {
        !matches!(&self.early, Expression::All(all) if all.is_empty())
    }

    /// Whether the socket is shown, as far as its holders, its peer and the options to show do not decide. The options
    /// of [`Filter::keys`] must be among [`Row::asked`].
    pub fn selects(&self, row: &Row) -> bool {
        self.early.holds(row) == Some(true)
    }

    /// Whether a socket with its holders and its peer, and with the options to show if
    /// [`Filter::needs_options`], is shown.
    pub fn selects_late(&self, row: &Row) -> bool {
        self.late.holds(row) == Some(true)
    }

    /// Why it is not known whether a socket that these functions do not select should be selected.
    pub fn undecided(&self, row: &Row) -> Undecided {
        let parts = [&self.early, &self.late];
        let lacks_set = self.asks_set && parts.iter().any(|part| part.lacks_set(row));
        let cut = self.keys().find(|key| row.is_cut(*key));
        let is_undecided = (lacks_set || cut.is_some()) && {
            let holds = parts.map(|part| part.holds(row));
            holds.contains(&None) && !holds.contains(&Some(false))
        };
        Undecided { set: lacks_set && is_undecided, list: cut.filter(|_| is_undecided) }
    }

    /// Whether the filter depends on the holders of sockets or of their peers.
    pub fn needs_owners(&self) -> bool {
        self.late.keys().any(|key| key.needs(Needs::Holders) || key.needs(Needs::PeerHolders))
    }

    /// Whether the filter depends on the options to show.
    pub fn needs_options(&self) -> bool {
        self.needs_options
    }

    /// The columns and options that must be known.
    pub fn keys(&self) -> impl Iterator<Item = Key> + '_ {
        self.keys.iter().copied()
    }

    /// The request to the BPF programs: the programs of the selected families, and what they can filter
    /// early.
    pub fn request(&self) -> Request {
        let families =
            Family::ALL.into_iter().filter(|family| self.wants_family(*family)).collect();
        Request {
            families,
            unbound: self.unbound,
            udp_lite: SocketKind::ALL.iter().any(|kind| kind.is_udp_lite() && self.wants(*kind)),
            owners: self.needs_owners(),
            listeners: false,
            queues: false,
            tasks: false,
            every_netns: false,
            sections: Sections::ALL.bits(),
            prefilter: self.prefilter(),
        }
    }

    fn prefilter(&self) -> Prefilter {
        let version = |version| {
            SocketKind::ALL.iter().any(|kind| kind.version() == Some(version) && self.wants(*kind))
        };
        let states = self.states();
        Prefilter {
            ipv4: version(Version::V4),
            ipv6: version(Version::V6),
            tcp_states: states.mask(State::of_tcp),
            udp_states: states.mask(State::of_udp),
            ..self.early.prefilter()
        }
    }

    /// The states in which a socket can be selected.
    fn states(&self) -> States {
        let is_possible = |state: &State| {
            let mut kinds = SocketKind::ALL.into_iter().filter(|kind| self.wants(*kind));
            kinds.any(|kind| self.early.can_hold(kind, Some(*state)))
        };
        state::ALL.into_iter().filter(is_possible).collect()
    }

    /// The names or indexes of the interfaces that a socket must be bound to. `None` if any are possible.
    pub fn required_interfaces(&self) -> Option<Vec<Vec<u8>>> {
        self.early.required_interfaces()
    }

    /// The PIDs of the processes of which one must hold a socket. Empty if any are possible.
    pub fn required_pids(&self) -> Vec<u32> {
        self.late.required_pids().unwrap_or_default()
    }

    /// The names or indexes of all interfaces that are asked for, as they are printed.
    pub fn interface_names(&self) -> Vec<String> {
        [&self.early, &self.late].into_iter().flat_map(Expression::interfaces).collect()
    }
}

/// The layouts of these kinds, in order.
fn layouts(kinds: [bool; SocketKind::ALL.len()]) -> Vec<Layout> {
    let wants = |kind: &SocketKind| kinds[kind.index()];
    let has = |layout: &Layout| {
        SocketKind::ALL.iter().filter(|kind| wants(kind)).any(|it| it.family().layout() == *layout)
    };
    Layout::ALL.into_iter().filter(has).collect()
}

fn is_late(expression: &Expression) -> bool {
    let late = [Needs::Holders, Needs::Peer, Needs::PeerHolders, Needs::Options];
    expression.keys().any(|key| late.into_iter().any(|needs| key.needs(needs)))
}
