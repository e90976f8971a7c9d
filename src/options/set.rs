//! When an option counts as set. This is the one place that decides it: each option names its marker in
//! the catalogue, and a [`SetCheck`] is that marker worked out for one kind of socket.

use crate::options::context::Context;
use crate::options::decode::{tcp, Facts};
use crate::options::value::Value;
use crate::record::fact::{flag, value, Fact};
use crate::socket::kind::Family;

/// The bits of IP_TOS and IPV6_TCLASS that ECN has: RFC 3168.
const ECN: u64 = 3;

/// The explanation of [`Marker::Differs`].
const DIFFERS: &str = "if its value differs from that of a new socket";
/// The explanation of a mark that the kernel keeps.
const RECORDED: &str =
    "if the kernel has recorded that it was set, on this socket or on the listening \
                        socket that accepted it";

/// What marks an option as set.
#[derive(Clone, Copy)]
pub enum Marker {
    /// Its value differs from that of a new socket of the same kind.
    Differs,
    /// The same, but where the rule holds the kernel has filled it in by itself, and it means nothing.
    DiffersUnless(Rule),
    /// The same, but of TCP and SCTP the kernel changes the bits of ECN by itself, and where a sysctl
    /// says so takes the others of an accepted TCP connection from its peer.
    DiffersApartFromEcn,
    /// The kernel marks it: the fact is not this number.
    IsNot(Fact, u64),
    /// The kernel marks it: the fact has a bit of these.
    HasBit(Fact, u64),
    /// The kernel marks it, in a way that takes a rule to see.
    When(Rule),
    /// There is something: for what has no getter, and so no default.
    NotEmpty,
    /// Never: nobody sets it, or the kernel changes it all the time.
    Never,
}

impl Marker {
    /// Returns when the option counts as set, in words that follow "counts as set".
    pub fn explanation(&self) -> String {
        match self {
            Marker::Differs => DIFFERS.into(),
            Marker::DiffersApartFromEcn => format!(
                "{DIFFERS}, apart from the ECN bits of TCP, MPTCP and SCTP sockets, which the kernel \
                 changes; never for {}",
                REFLECTED.text
            ),
            Marker::DiffersUnless(rule) => {
                format!("{DIFFERS}; never for {}, where the kernel may set it", rule.text)
            }
            Marker::IsNot(..) | Marker::HasBit(..) => RECORDED.into(),
            Marker::When(rule) => rule.text.into(),
            Marker::NotEmpty => "if it is not empty".into(),
            Marker::Never => {
                "never, because a program cannot set it or the kernel keeps changing it".into()
            }
        }
    }

    /// The facts that only the marker looks at.
    pub(super) const fn facts(&self) -> &'static [Fact] {
        match self {
            Marker::DiffersUnless(rule) | Marker::When(rule) => rule.facts,
            Marker::DiffersApartFromEcn => REFLECTED.facts,
            _ => &[],
        }
    }
}

/// Something that holds of a socket, or does not.
#[derive(Clone, Copy)]
pub struct Rule {
    /// The facts that it is decided by.
    facts: &'static [Fact],
    holds: fn(&Context) -> bool,
    /// Where it holds, for people.
    text: &'static str,
}

/// `rule!(function, [facts], text)`: the function is given these facts.
macro_rules! rule {
    ($function:path, [$($fact:expr),*], $text:expr) => {
        Rule {
            facts: &[$($fact),*],
            holds: |context| $function(context, [$(context.get($fact)),*]),
            text: $text,
        }
    };
}

/// For what a program cannot set of a stream, and an accepted TCP connection has from its peer.
pub const UNLESS_TCP: Marker = Marker::DiffersUnless(rule!(is_tcp, [], "a TCP socket"));
/// For the window, which follows the connection, and on some kernels the buffer.
pub const UNLESS_CLAMPED: Marker = Marker::DiffersUnless(rule!(
    clamp_follows,
    [
        value!(SOCKET SO_BUF_LOCK),
        value!(SOCKET SO_RCVBUF),
        value!(TCP TCP_WINDOW_CLAMP),
        value!(TCP TCP_WINDOW_CLAMP__scaling),
        flag!(TCP TCP_WINDOW_CLAMP__connected)
    ],
    "a TCP socket that is or was connected, or for a value that follows from SO_RCVBUF"
));
/// For the limits of the timers, of which connect(2) with AF_UNSPEC, a refused connection, and the
/// shutdown of a listener make constants (net/ipv4/tcp.c, tcp_disconnect()).
pub const UNLESS_RTO_MIN_RESET: Marker = Marker::DiffersUnless(rule!(
    was_reset,
    [value!(TCP TCP_RTO_MIN_US), flag!(TCP TCP_WINDOW_CLAMP__connected)],
    "the value 200ms of a TCP socket that is or was connected"
));
/// The same for the acknowledgements.
pub const UNLESS_DELACK_MAX_RESET: Marker = Marker::DiffersUnless(rule!(
    was_reset,
    [value!(TCP TCP_DELACK_MAX_US), flag!(TCP TCP_WINDOW_CLAMP__connected)],
    "the value 200ms of a TCP socket that is or was connected"
));
/// For what MPTCP writes into its subflows, and leaves in the plain connections of its listeners.
pub const UNLESS_MPTCP: Marker = Marker::DiffersUnless(rule!(
    came_from_mptcp,
    [value!(SOCKET SO_RCVLOWAT)],
    "a socket that MPTCP created"
));
/// The same of what MPTCP sockets do not take from those when they answer as plain TCP.
pub const UNLESS_SUBFLOW: Marker = Marker::DiffersUnless(rule!(
    answers_by_subflow,
    [value!(SOCKET SO_RCVLOWAT)],
    "a socket that MPTCP created"
));
/// For what an IPv6 socket begins with otherwise than an IPv4 one, and an accepted SCTP socket
/// otherwise than one that was opened (net/sctp/socket.c, sctp_copy_sock()).
pub const UNLESS_CONVERTED: Marker = Marker::DiffersUnless(rule!(
    was_converted,
    [flag!(IP IP_MULTICAST_ALL__was_ipv6)],
    "an SCTP socket, or one that IPV6_ADDRFORM converted to IPv4"
));
/// For the mark, which a connection may have from its peer's packets.
pub const UNLESS_ACCEPTED_WITH_MARK: Marker = Marker::DiffersUnless(rule!(
    was_accepted_where,
    [
        flag!(TCP SO_MARK__accepted),
        value!(IP IP_MULTICAST_IF__ifindex),
        value!(IPV6 IPV6_MULTICAST_IF)
    ],
    "an accepted TCP socket while the sysctl net.ipv4.tcp_fwmark_accept is on"
));
/// For what a connected SCTP socket has agreed upon with its peer, or found out.
pub const UNLESS_ASSOCIATED: Marker = Marker::DiffersUnless(rule!(
    is_on,
    [flag!(SCTP SCTP_STATUS__association)],
    "an SCTP socket with an association"
));
/// For what SCTP writes into the socket with each packet (net/sctp/protocol.c, sctp_v4_xmit()), or
/// leaves out of those that are accepted.
pub const UNLESS_SCTP: Marker = Marker::DiffersUnless(rule!(is_sctp, [], "an SCTP socket"));
/// For what bind(2) decides.
pub const UNLESS_BOUND: Marker =
    Marker::DiffersUnless(rule!(has_ipv6_address, [], "a socket with a local IPv6 address"));
/// For the device, which the kernel takes from a link-local address too.
pub const BOUND_TO_DEVICE: Marker = Marker::When(rule!(
    has_chosen_device,
    [],
    "if there is one; never for a socket with a link-local address, which the kernel binds to the interface"
));
/// For the queue of TCP Fast Open, which the kernel may give every listener.
pub const FASTOPEN: Marker = Marker::When(rule!(
    has_chosen_fastopen,
    [
        value!(TCP TCP_FASTOPEN),
        value!(TCP TCP_FASTOPEN__sysctl),
        flag!(TCP TCP_WINDOW_CLAMP__connected)
    ],
    "if its value is not 0; while the sysctl net.ipv4.tcp_fastopen enables it for every listening socket, \
     only if it also differs from the backlog, and never for a socket that is or was connected or has \
     stopped listening"
));
/// For the congestion control algorithm.
pub const CONGESTION: Marker = Marker::When(rule!(
    has_chosen_congestion,
    [flag!(TCP TCP_CONGESTION__set)],
    "if the kernel has recorded that it was set, on this socket or on the listening socket that \
     accepted it; for an MPTCP socket, if it differs from that of a new socket; never for a subflow of \
     MPTCP, where the kernel may set it"
));
/// For the largest segment.
pub const MAXSEG: Marker =
    Marker::When(rule!(has_chosen_maxseg, [value!(TCP TCP_MAXSEG__user)], RECORDED));
/// For what a call sends at most, which has no getter, and so no default to ask for.
pub const TX_BUDGET: Marker = Marker::When(rule!(
    has_chosen_tx_budget,
    [value!(XDP XDP_MAX_TX_SKB_BUDGET)],
    "if its value is not 32, that of a new socket"
));
/// For the protocol on top of TCP.
pub const ULP: Marker = Marker::When(rule!(
    has_chosen_ulp,
    [],
    "if there is one other than mptcp, which the kernel sets"
));
/// For the interface for multicast.
pub const MULTICAST_INTERFACE: Marker = Marker::When(rule!(
    has_chosen_multicast_interface,
    [value!(IP IP_MULTICAST_IF), value!(IP IP_MULTICAST_IF__ifindex)],
    "if there is an address or an interface; never for a TCP socket, where a program cannot set it"
));

/// Whether an accepted socket may have IP_TOS or IPV6_TCLASS from its peer
/// (net/ipv4/tcp_ipv4.c, tcp_v4_syn_recv_sock()).
const REFLECTED: Rule = rule!(
    was_accepted_where,
    [
        flag!(TCP IP_TOS__reflected),
        value!(IP IP_MULTICAST_IF__ifindex),
        value!(IPV6 IPV6_MULTICAST_IF)
    ],
    "an accepted TCP socket while the sysctl net.ipv4.tcp_reflect_tos is on"
);

// The rules

fn is_on(_: &Context, [fact]: Facts<1>) -> bool {
    fact.is_some_and(|raw| raw != 0)
}

fn is_tcp(context: &Context, []: Facts<0>) -> bool {
    context.is_tcp()
}

/// Whether it was accepted, and a sysctl is on by which the kernel then takes something from the peer:
/// include/net/inet_sock.h, inet_request_mark()
fn was_accepted_where(context: &Context, [sysctl, interface, interface6]: Facts<3>) -> bool {
    is_on(context, [sysctl]) && was_accepted(context, [interface, interface6])
}

/// Whether this TCP socket was accepted. The kernel notes by which interface a connection came where other
/// sockets have that for multicast, which a program cannot set of a stream, and never forgets it
/// (net/ipv4/tcp_ipv4.c, tcp_v4_syn_recv_sock()). An MPTCP socket has no such note.
fn was_accepted(context: &Context, interfaces: Facts<2>) -> bool {
    if context.is_mptcp() && !context.has_fallen_back() {
        return context.is_tcp_connection();
    }
    let is_unknown = interfaces[0].is_none();
    context.is_tcp() && (is_unknown || interfaces.iter().any(|index| is_on(context, [*index])))
}

/// Whether this TCP socket is or was connected: the kernel chooses where its sequence numbers begin, and
/// goes on from there when it is connected again. A listener that was shut down has a number too.
fn was_connected(context: &Context, [has_sequence]: Facts<1>) -> bool {
    context.is_tcp_connection() || is_on(context, [has_sequence])
}

/// Whether a limit of a timer is what the kernel makes it when a socket is disconnected: TCP_RTO_MIN and
/// TCP_DELACK_MAX of include/net/tcp.h, which are the same.
fn was_reset(context: &Context, [jiffies, connected]: Facts<2>) -> bool {
    jiffies == Some(context.host().hz / 5) && was_connected(context, [connected])
}

fn is_sctp(context: &Context, []: Facts<0>) -> bool {
    context.is_sctp()
}

fn has_ipv6_address(context: &Context, []: Facts<0>) -> bool {
    context.has_ipv6_address()
}

/// Whether TCP_WINDOW_CLAMP is that of a connection, or what newer kernels make it when SO_RCVBUF is
/// set (net/ipv4/tcp.c, tcp_set_rcvbuf(); include/net/tcp.h, tcp_win_from_space()).
fn clamp_follows(context: &Context, facts: Facts<5>) -> bool {
    const RCVBUF_LOCK: u64 = 2;
    let connected = [facts[4]];
    let [locks, buffer, clamp, scaling, _] = facts.map(Option::unwrap_or_default);
    let window = ((buffer & u64::from(u32::MAX)) * (scaling & 0xff)) >> 8;
    was_connected(context, connected) || locks & RCVBUF_LOCK != 0 && window == clamp
}

/// Whether this is a subflow of MPTCP, or was accepted by a listener of MPTCP from a peer that does not
/// speak it: there SO_RCVLOWAT is 0, which setsockopt(2) makes 1
/// (net/mptcp/sockopt.c, mptcp_sockopt_sync_locked()).
fn came_from_mptcp(_: &Context, [rcvlowat]: Facts<1>) -> bool {
    rcvlowat == Some(0)
}

/// Whether TCP_NOTSENT_LOWAT is what MPTCP wrote into the subflow that answers
/// (net/mptcp/sockopt.c, mptcp_sockopt_sync_locked()).
fn answers_by_subflow(context: &Context, rcvlowat: Facts<1>) -> bool {
    came_from_mptcp(context, rcvlowat) || context.has_fallen_back()
}

/// Whether this IPv4 socket was made as one of IPv6: net/ipv6/ipv6_sockglue.c, IPV6_ADDRFORM
fn was_converted(context: &Context, was_ipv6: Facts<1>) -> bool {
    context.is_sctp() || !context.is_ipv6() && is_on(context, was_ipv6)
}

/// Whether a program chose the device. With a link-local address the kernel does: by the scope that
/// was bound or connected to (net/ipv6/af_inet6.c, __inet6_bind()), or by where the connection came
/// in (net/ipv6/tcp_ipv6.c, tcp_v6_init_req()).
fn has_chosen_device(context: &Context, []: Facts<0>) -> bool {
    context.header().ifindex != 0 && !context.has_link_local_address()
}

/// net/ipv4/tcp_fastopen.c, tcp_fastopen_init_key_once() and its neighbours: with these two bits of
/// net.ipv4.tcp_fastopen (TFO_SERVER_ENABLE, TFO_SERVER_WO_SOCKOPT1) listen(2) sets the queue.
fn has_chosen_fastopen(context: &Context, [length, system, connected]: Facts<3>) -> bool {
    const BY_SYSTEM: u64 = 0x402;
    let [length, system] = [length, system].map(Option::unwrap_or_default);
    // It sets it to the backlog, once; a later listen(2) with another backlog cannot be told from a
    // program's own choice, and of a socket that was shut down nobody sees the backlog.
    let backlog = u64::from(context.header().send_queue);
    let by_system = system & BY_SYSTEM == BY_SYSTEM
        && (length == backlog || was_connected(context, [connected]));
    length != 0 && !by_system
}

/// Whether a program chose TCP_CONGESTION. When a program sets any option of an MPTCP socket, the
/// kernel sets this one of its subflows (net/mptcp/sockopt.c, sync_socket_options()).
fn has_chosen_congestion(context: &Context, mark: Facts<1>) -> bool {
    is_on(context, mark) && !context.is_subflow()
}

/// Whether a program chose TCP_MAXSEG, and the socket that answers took it.
fn has_chosen_maxseg(_: &Context, [user]: Facts<1>) -> bool {
    user.is_some_and(tcp::is_segment)
}

/// net/xdp/xsk.c, xsk_create(): TX_BATCH_SIZE
fn has_chosen_tx_budget(_: &Context, [budget]: Facts<1>) -> bool {
    budget.is_some_and(|budget| budget != 32)
}

/// Whether a program chose TCP_ULP: that of MPTCP only the kernel can
/// (net/mptcp/subflow.c, subflow_ulp_init()).
fn has_chosen_ulp(context: &Context, []: Facts<0>) -> bool {
    let name = context.ulp().unwrap_or_default();
    !name.is_empty() && name.as_bytes() != b"mptcp"
}

/// Whether IP_MULTICAST_IF was given an address, or an index: see [`was_accepted`] for those of TCP.
fn has_chosen_multicast_interface(context: &Context, [address, index]: Facts<2>) -> bool {
    !context.is_tcp() && (is_on(context, [address]) || is_on(context, [index]))
}

/// A marker, worked out for the sockets of one kind: most are decided by one look at a raw fact.
pub enum SetCheck {
    /// Never set.
    Never,
    /// Set when the fact, in these bits, is not that of an unset option.
    Fact { fact: Fact, mask: u64, unset: u64, unless: Option<fn(&Context) -> bool> },
    /// Set when a rule holds.
    Rule(fn(&Context) -> bool),
    /// Set when the value is not the default.
    Value { default: Value, unless: Option<fn(&Context) -> bool> },
    /// Set when there is something.
    NotEmpty,
}

impl SetCheck {
    /// For sockets of this family. `single` is the fact that alone makes the value, if one does, with
    /// the bits of it that count; `default` the value of a new socket, if there was one to ask.
    pub fn new(
        marker: Marker,
        single: Option<(Fact, u64)>,
        family: Family,
        default: Option<&Value>,
    ) -> SetCheck {
        let all = u64::MAX;
        let fact = |fact, mask, unset| SetCheck::Fact { fact, mask, unset, unless: None };
        match (marker, default) {
            (Marker::Never, _) => SetCheck::Never,
            (Marker::IsNot(of, unset), _) => fact(of, all, unset),
            (Marker::HasBit(of, mask), _) => fact(of, mask, 0),
            (Marker::When(rule), _) => SetCheck::Rule(rule.holds),
            (Marker::NotEmpty, _) => match single {
                Some((of, mask)) => fact(of, mask, 0),
                None => SetCheck::NotEmpty,
            },
            // With nothing to compare it with, nobody knows.
            (_, None) => SetCheck::Never,
            (marker, Some(default)) => SetCheck::differs(marker, single, family, default),
        }
    }

    fn differs(
        marker: Marker,
        single: Option<(Fact, u64)>,
        family: Family,
        default: &Value,
    ) -> SetCheck {
        let (unless, ignored) = match marker {
            Marker::DiffersUnless(rule) => (Some(rule.holds), 0),
            Marker::DiffersApartFromEcn => (Some(REFLECTED.holds), ecn_of(family)),
            _ => (None, 0),
        };
        let raw = match default {
            Value::Int(number) => Some(*number as u64),
            Value::Uint64(number) => Some(*number),
            Value::Interface(interface) => Some(interface.index.into()),
            _ => None,
        };
        match (single, raw) {
            (Some((fact, mask)), Some(raw)) => {
                let mask = mask & !ignored;
                SetCheck::Fact { fact, mask, unset: raw & mask, unless }
            }
            _ => SetCheck::Value { default: default.clone(), unless },
        }
    }

    /// Whether the option is set for sure not, as one look tells, without its value.
    pub fn is_ruled_out(&self, context: &Context) -> bool {
        match self {
            SetCheck::Never => true,
            SetCheck::Fact { fact, mask, unset, unless } => {
                !differs(context, *fact, *mask, *unset) || holds(*unless, context)
            }
            SetCheck::Rule(rule) => !rule(context),
            SetCheck::Value { unless, .. } => holds(*unless, context),
            SetCheck::NotEmpty => false,
        }
    }

    /// Whether the option is set, which has this value.
    pub fn is_set(&self, value: &Value, context: &Context) -> bool {
        !self.is_ruled_out(context)
            && match self {
                SetCheck::Value { default, .. } => value != default,
                SetCheck::NotEmpty => !value.is_empty(),
                SetCheck::Never | SetCheck::Fact { .. } | SetCheck::Rule(_) => true,
            }
    }
}

fn differs(context: &Context, fact: Fact, mask: u64, unset: u64) -> bool {
    context.get(fact).is_some_and(|raw| raw & mask != unset)
}

fn holds(rule: Option<fn(&Context) -> bool>, context: &Context) -> bool {
    rule.is_some_and(|holds| holds(context))
}

/// The bits of the type of service that the kernel changes by itself for ECN.
fn ecn_of(family: Family) -> u64 {
    match family {
        Family::Tcp | Family::Mptcp | Family::Sctp => ECN,
        Family::Udp
        | Family::Raw
        | Family::Packet
        | Family::Xdp
        | Family::Netlink
        | Family::Vsock
        | Family::Other
        | Family::Unix => 0,
    }
}
