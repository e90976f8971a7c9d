//! Decides whether an option counts as set. Nothing else does: each option has a marker in the catalogue, and
//! a [`SetCheck`] is that marker resolved for one kind of socket.

use crate::options::context::Context;
use crate::options::decode::{tcp, Facts};
use crate::options::value::Value;
use crate::record::fact::{flag, value, Fact};
use crate::socket::kind::Family;

/// The bits of IP_TOS and IPV6_TCLASS that belong to ECN: RFC 3168.
const ECN: u64 = 3;

/// The explanation of [`Marker::Differs`].
const DIFFERS: &str = "if its value differs from that of a new socket";
/// The explanation of a mark that the kernel keeps.
const RECORDED: &str =
    "if the kernel has recorded that it was set, on this socket or on the listening socket \
                        that accepted it";

/// The mark by which an option is recognized as set.
#[derive(Clone, Copy)]
pub enum Marker {
    /// The value differs from that of a new socket of the same kind.
    Differs,
    /// As [`Marker::Differs`], except for sockets to which the rule applies. There, the kernel fills in the
    /// value by itself.
    DiffersUnless(Rule),
    /// As [`Marker::Differs`], except for what the kernel changes by itself: the ECN bits of TCP and SCTP
    /// sockets, and, if a sysctl says so, the other bits of accepted TCP connections, which it takes from the
    /// peer.
    DiffersApartFromEcn,
    /// The kernel keeps a mark: the fact is not this number.
    IsNot(Fact, u64),
    /// The kernel keeps a mark: the fact has one of these bits.
    HasBit(Fact, u64),
    /// The kernel keeps a mark that a rule recognizes.
    When(Rule),
    /// The value is not empty. For options that a new socket cannot report, and that therefore have no
    /// default.
    NotEmpty,
    /// Never, because the option cannot be set, or because the kernel changes it all the time.
    Never,
}

impl Marker {
    /// Whether the kernel records that the option was set, for every socket. An option that does not count as set was
    /// then not set.
    pub fn is_recorded(&self) -> bool {
        match self {
            Marker::IsNot(..) | Marker::HasBit(..) => true,
            Marker::When(rule) => rule.text == RECORDED,
            _ => false,
        }
    }

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

    /// The facts that the marker reads in addition to the value.
    pub(super) const fn facts(&self) -> &[Fact] {
        match self {
            Marker::DiffersUnless(rule) | Marker::When(rule) => rule.facts,
            Marker::DiffersApartFromEcn => REFLECTED.facts,
            Marker::IsNot(fact, _) | Marker::HasBit(fact, _) => std::slice::from_ref(fact),
            Marker::Differs | Marker::NotEmpty | Marker::Never => &[],
        }
    }
}

/// A condition on a socket.
#[derive(Clone, Copy)]
pub struct Rule {
    /// The facts on which the condition depends.
    facts: &'static [Fact],
    holds: fn(&Context) -> bool,
    /// The sockets to which the rule applies, in words for the user.
    text: &'static str,
}

/// `rule!(function, [facts], text)`: a rule whose function receives these facts.
macro_rules! rule {
    ($function:path, [$($fact:expr),*], $text:expr) => {
        Rule {
            facts: &[$($fact),*],
            holds: |context| $function(context, [$(context.get($fact)),*]),
            text: $text,
        }
    };
}

/// For options that a program cannot set on a stream socket, and that an accepted TCP connection takes from
/// its peer.
pub const UNLESS_TCP: Marker = Marker::DiffersUnless(rule!(is_tcp, [], "a TCP socket"));
/// For TCP_WINDOW_CLAMP, which follows the connection, and on some kernels the receive buffer.
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
/// For TCP_RTO_MIN_US, which is reset to a constant by connect(2) with AF_UNSPEC, by a refused connection,
/// and by the shutdown of a listener (net/ipv4/tcp.c, tcp_disconnect()).
pub const UNLESS_RTO_MIN_RESET: Marker = Marker::DiffersUnless(rule!(
    was_reset,
    [value!(TCP TCP_RTO_MIN_US), flag!(TCP TCP_WINDOW_CLAMP__connected)],
    "the value 200ms of a TCP socket that is or was connected"
));
/// For TCP_DELACK_MAX_US, which is reset in the same cases.
pub const UNLESS_DELACK_MAX_RESET: Marker = Marker::DiffersUnless(rule!(
    was_reset,
    [value!(TCP TCP_DELACK_MAX_US), flag!(TCP TCP_WINDOW_CLAMP__connected)],
    "the value 200ms of a TCP socket that is or was connected"
));
/// For SO_RCVLOWAT, which MPTCP changes in its subflows. The change remains in plain TCP connections that an
/// MPTCP listener accepts.
pub const UNLESS_MPTCP: Marker = Marker::DiffersUnless(rule!(
    came_from_mptcp,
    [value!(SOCKET SO_RCVLOWAT)],
    "a socket that MPTCP created"
));
/// For TCP_NOTSENT_LOWAT, which MPTCP changes in its subflows too. An MPTCP socket that has fallen back to
/// TCP reports it from its subflow.
pub const UNLESS_SUBFLOW: Marker = Marker::DiffersUnless(rule!(
    answers_by_subflow,
    [value!(SOCKET SO_RCVLOWAT)],
    "a socket that MPTCP created"
));
/// For IP_MULTICAST_ALL, whose default is not the same for IPv4 and IPv6 sockets, or for accepted and newly
/// opened SCTP sockets (net/sctp/socket.c, sctp_copy_sock()).
pub const UNLESS_CONVERTED: Marker = Marker::DiffersUnless(rule!(
    was_converted,
    [flag!(IP IP_MULTICAST_ALL__was_ipv6)],
    "an SCTP socket, or one that IPV6_ADDRFORM converted to IPv4"
));
/// For SO_MARK, which an accepted connection can take from its peer's packets.
pub const UNLESS_ACCEPTED_WITH_MARK: Marker = Marker::DiffersUnless(rule!(
    was_accepted_where,
    [
        flag!(TCP SO_MARK__accepted),
        value!(IP IP_MULTICAST_IF__ifindex),
        value!(IPV6 IPV6_MULTICAST_IF)
    ],
    "an accepted TCP socket while the sysctl net.ipv4.tcp_fwmark_accept is on"
));
/// For options that a connected SCTP socket has negotiated with its peer or measured.
pub const UNLESS_ASSOCIATED: Marker = Marker::DiffersUnless(rule!(
    is_on,
    [flag!(SCTP SCTP_STATUS__association)],
    "an SCTP socket with an association"
));
/// For options that SCTP writes into the socket with each packet (net/sctp/protocol.c, sctp_v4_xmit()), or
/// does not copy to accepted sockets.
pub const UNLESS_SCTP: Marker = Marker::DiffersUnless(rule!(is_sctp, [], "an SCTP socket"));
/// For IPV6_V6ONLY, which bind(2) can change.
pub const UNLESS_BOUND: Marker =
    Marker::DiffersUnless(rule!(has_ipv6_address, [], "a socket with a local IPv6 address"));
/// For SO_BINDTODEVICE and SO_BINDTOIFINDEX, which the kernel also takes from a link-local address.
pub const BOUND_TO_DEVICE: Marker = Marker::When(rule!(
    has_chosen_device,
    [],
    "if there is one; never for a socket with a link-local address, which the kernel binds to the interface"
));
/// For TCP_FASTOPEN, which the kernel may set on every listener.
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
/// For TCP_CONGESTION.
pub const CONGESTION: Marker = Marker::When(rule!(
    has_chosen_congestion,
    [flag!(TCP TCP_CONGESTION__set)],
    "if the kernel has recorded that it was set, on this socket or on the listening socket that \
     accepted it; for an MPTCP socket, if it differs from that of a new socket; never for a subflow of \
     MPTCP, where the kernel may set it"
));
/// For TCP_MAXSEG.
pub const MAXSEG: Marker =
    Marker::When(rule!(has_chosen_maxseg, [value!(TCP TCP_MAXSEG__user)], RECORDED));
/// For XDP_MAX_TX_SKB_BUDGET, which has no getter, so that a new socket cannot report its default.
pub const TX_BUDGET: Marker = Marker::When(rule!(
    has_chosen_tx_budget,
    [value!(XDP XDP_MAX_TX_SKB_BUDGET)],
    "if its value is not 32, that of a new socket"
));
/// For TCP_ULP.
pub const ULP: Marker = Marker::When(rule!(
    has_chosen_ulp,
    [],
    "if there is one other than mptcp, which the kernel sets"
));
/// For IP_MULTICAST_IF.
pub const MULTICAST_INTERFACE: Marker = Marker::When(rule!(
    has_chosen_multicast_interface,
    [value!(IP IP_MULTICAST_IF), value!(IP IP_MULTICAST_IF__ifindex)],
    "if there is an address or an interface; never for a TCP socket, where a program cannot set it"
));

/// Whether an accepted socket may have taken IP_TOS or IPV6_TCLASS from its peer (net/ipv4/tcp_ipv4.c,
/// tcp_v4_syn_recv_sock()).
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

/// Whether the socket was accepted while a sysctl is on that makes the kernel take a value from the peer:
/// include/net/inet_sock.h, inet_request_mark()
fn was_accepted_where(context: &Context, [sysctl, interface, interface6]: Facts<3>) -> bool {
    is_on(context, [sysctl]) && was_accepted(context, [interface, interface6])
}

/// Whether this TCP socket was accepted. For an accepted connection, the kernel stores the interface on which
/// it arrived in the field that holds the multicast interface of other sockets, and never clears it
/// (net/ipv4/tcp_ipv4.c, tcp_v4_syn_recv_sock()). A program cannot set that field on a stream socket. MPTCP
/// sockets do not have the interface there, so that any of their connections may have been accepted.
fn was_accepted(context: &Context, interfaces: Facts<2>) -> bool {
    if context.is_mptcp() && !context.has_fallen_back() {
        return context.is_tcp_connection();
    }
    let is_unknown = interfaces[0].is_none();
    context.is_tcp() && (is_unknown || interfaces.iter().any(|index| is_on(context, [*index])))
}

/// Whether this TCP socket is or was connected. The kernel chooses the initial sequence number of a
/// connection, and continues from it if the socket is connected again. A listener that was shut down has a
/// sequence number too.
fn was_connected(context: &Context, [has_sequence]: Facts<1>) -> bool {
    context.is_tcp_connection() || is_on(context, [has_sequence])
}

/// Whether the limit of a timer has the value that disconnecting a socket gives it: TCP_RTO_MIN and
/// TCP_DELACK_MAX of include/net/tcp.h, which are equal.
fn was_reset(context: &Context, [jiffies, connected]: Facts<2>) -> bool {
    jiffies == Some(context.host().hz / 5) && was_connected(context, [connected])
}

fn is_sctp(context: &Context, []: Facts<0>) -> bool {
    context.is_sctp()
}

fn has_ipv6_address(context: &Context, []: Facts<0>) -> bool {
    context.has_ipv6_address()
}

/// Whether TCP_WINDOW_CLAMP is that of a connection, or the value that newer kernels derive from SO_RCVBUF
/// when it is set (net/ipv4/tcp.c, tcp_set_rcvbuf(); include/net/tcp.h, tcp_win_from_space()).
fn clamp_follows(context: &Context, facts: Facts<5>) -> bool {
    const RCVBUF_LOCK: u64 = 2;
    let connected = [facts[4]];
    let [locks, buffer, clamp, scaling, _] = facts.map(Option::unwrap_or_default);
    let window = ((buffer & u64::from(u32::MAX)) * (scaling & 0xff)) >> 8;
    was_connected(context, connected) || locks & RCVBUF_LOCK != 0 && window == clamp
}

/// Whether this is an MPTCP subflow, or was accepted by an MPTCP listener from a peer without MPTCP.
/// SO_RCVLOWAT is 0 on these sockets (net/mptcp/sockopt.c, mptcp_sockopt_sync_locked()). Setting it to 0 with
/// setsockopt(2) makes it 1.
fn came_from_mptcp(_: &Context, [rcvlowat]: Facts<1>) -> bool {
    rcvlowat == Some(0)
}

/// Whether TCP_NOTSENT_LOWAT is what MPTCP wrote into the subflow that answers (net/mptcp/sockopt.c,
/// mptcp_sockopt_sync_locked()).
fn answers_by_subflow(context: &Context, rcvlowat: Facts<1>) -> bool {
    came_from_mptcp(context, rcvlowat) || context.has_fallen_back()
}

/// Whether this IPv4 socket was created as an IPv6 socket: net/ipv6/ipv6_sockglue.c, IPV6_ADDRFORM. Also
/// applies to all SCTP sockets.
fn was_converted(context: &Context, was_ipv6: Facts<1>) -> bool {
    context.is_sctp() || !context.is_ipv6() && is_on(context, was_ipv6)
}

/// Whether a program chose the device. For a link-local address, the kernel does: it takes the scope ID of
/// bind(2) or connect(2) (net/ipv6/af_inet6.c, __inet6_bind()), or the interface on which the connection
/// arrived (net/ipv6/tcp_ipv6.c, tcp_v6_init_req()).
fn has_chosen_device(context: &Context, []: Facts<0>) -> bool {
    context.header().ifindex != 0 && !context.has_link_local_address()
}

/// Whether a program chose TCP_FASTOPEN. With these two bits of net.ipv4.tcp_fastopen (TFO_SERVER_ENABLE,
/// TFO_SERVER_WO_SOCKOPT1), listen(2) sets it: net/ipv4/af_inet.c, inet_listen()
fn has_chosen_fastopen(context: &Context, [length, system, connected]: Facts<3>) -> bool {
    const BY_SYSTEM: u64 = 0x402;
    let [length, system] = [length, system].map(Option::unwrap_or_default);
    // listen(2) sets it to the backlog, once. If listen(2) is called again with another backlog, the value
    // looks as if a program had chosen it. A listener that was shut down no longer has the backlog.
    let backlog = u64::from(context.header().send_queue);
    let by_system = system & BY_SYSTEM == BY_SYSTEM
        && (length == backlog || was_connected(context, [connected]));
    length != 0 && !by_system
}

/// Whether a program chose TCP_CONGESTION. When a program sets any option of an MPTCP socket, the kernel sets
/// TCP_CONGESTION of its subflows (net/mptcp/sockopt.c, sync_socket_options()).
fn has_chosen_congestion(context: &Context, mark: Facts<1>) -> bool {
    is_on(context, mark) && !context.is_subflow()
}

/// Whether a program chose TCP_MAXSEG, and the socket that answers accepted it.
fn has_chosen_maxseg(_: &Context, [user]: Facts<1>) -> bool {
    user.is_some_and(tcp::is_segment)
}

/// net/xdp/xsk.c, xsk_create(): TX_BATCH_SIZE
fn has_chosen_tx_budget(_: &Context, [budget]: Facts<1>) -> bool {
    budget.is_some_and(|budget| budget != 32)
}

/// Whether a program chose TCP_ULP. Only the kernel can set it to mptcp (net/mptcp/subflow.c,
/// subflow_ulp_init()).
fn has_chosen_ulp(context: &Context, []: Facts<0>) -> bool {
    let name = context.ulp().unwrap_or_default();
    !name.is_empty() && name.as_bytes() != b"mptcp"
}

/// Whether a program set an address or an index with IP_MULTICAST_IF. For TCP sockets, see [`was_accepted`].
fn has_chosen_multicast_interface(context: &Context, [address, index]: Facts<2>) -> bool {
    !context.is_tcp() && (is_on(context, [address]) || is_on(context, [index]))
}

/// A marker resolved for the sockets of one kind. Most of them only compare a raw fact.
pub enum SetCheck {
    /// Never set.
    Never,
    /// Set if the bits of the fact in `mask` differ from those of an unset option, unless the rule applies.
    Fact { fact: Fact, mask: u64, unset: u64, unless: Option<fn(&Context) -> bool> },
    /// Set if the rule applies.
    Rule(fn(&Context) -> bool),
    /// Set if the value differs from the default, unless the rule applies.
    Value { default: Value, unless: Option<fn(&Context) -> bool> },
    /// Set if the value is not empty.
    NotEmpty,
}

impl SetCheck {
    /// Resolves a marker for sockets of this family. `single` is the fact that is the whole value, if there
    /// is one, and its bits that belong to the value. `default` is the value of a new socket, if it is known.
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
            // Without a default there is nothing to compare with.
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
            // Not compared: some processors take 100 ns to compare nothing with nothing, because
            // memcmp(3) loads, masked, from an address that does not exist.
            _ if matches!(default, Value::Blob(bytes) if bytes.is_empty()) && unless.is_none() => {
                SetCheck::NotEmpty
            }
            _ => SetCheck::Value { default: default.clone(), unless },
        }
    }

    /// Whether this fact alone decides whether the option is set. Then [`SetCheck::is_set_by`] does.
    pub fn is_of(&self, only: Fact) -> bool {
        match self {
            SetCheck::Never => true,
            SetCheck::Fact { fact, unless, .. } => *fact == only && unless.is_none(),
            SetCheck::Rule(_) | SetCheck::Value { .. } | SetCheck::NotEmpty => false,
        }
    }

    /// Whether the option is set, given the only fact that decides it.
    pub fn is_set_by(&self, raw: u64) -> bool {
        match self {
            SetCheck::Fact { mask, unset, .. } => raw & mask != *unset,
            SetCheck::Never | SetCheck::Rule(_) | SetCheck::Value { .. } | SetCheck::NotEmpty => {
                false
            }
        }
    }

    /// Whether the option is certainly not set, which can be seen without its value.
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

    /// Whether the option is set, given its value.
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
