//! SOL_SOCKET. The comments name the place in the kernel, net/core/sock.c if there is no other.

use std::cmp::Ordering;

use nix::errno::Errno;

use super::sentence::{bytes, limit, says, when, Sentence, Subject, Values};
use crate::options::dead_after;
use crate::options::value::Value;
use crate::socket::kind::Family;
use crate::socket::state::State;
use crate::socket::TimeLimit;

const BUFFERS: &[&str] = &["SO_SNDBUF", "SO_RCVBUF"];
const TIMEOUTS: &[&str] = &["SO_RCVTIMEO", "SO_SNDTIMEO"];

pub(super) static SENTENCES: &[Sentence] = &[
    says(
        &["SO_REUSEADDR"],
        "does not let other sockets bind to this address and port while it listens",
        taken,
    ),
    says(
        &["SO_REUSEADDR"],
        "lets any other socket that sets it bind to this address and port, too",
        shared,
    ),
    says(&["SO_REUSEADDR"], "TCP_REPAIR has set it", |it| {
        when(it.number() == Some(2) && it.has("TCP_REPAIR"))
    }),
    says(
        &["SO_REUSEPORT"],
        "one of {} sockets; the kernel distributes what arrives among those that are not connected",
        group,
    ),
    says(&["SO_KEEPALIVE"], "first probe after {}, a dead idle peer is noticed after {}", probes),
    says(&["SO_KEEPALIVE"], "no probes: a dead idle peer is never noticed", no_probes),
    says(&["SO_KEEPALIVE"], "no effect: this protocol sends no probes", |it| {
        when(it.is_on() && it.is_of(&[Family::Udp, Family::Raw, Family::Unix]))
    }),
    says(
        &["SO_LINGER"],
        "close(2) discards what is not sent yet and resets the connection",
        aborts,
    ),
    says(
        &["SO_LINGER"],
        "close(2) waits up to {} for the peer to acknowledge everything; the end of the process does not",
        lingers,
    ),
    says(&["SO_LINGER"], "no effect: close(2) does not wait on this protocol", |it| {
        when(it.shown.set && it.is_of(&[Family::Udp, Family::Unix]))
    }),
    says(BUFFERS, "locked at {}, as a request of {} does", |it| match request(it)? {
        (request, Request::Exact) => locked_at(it, request),
        _ => None,
    }),
    says(
        BUFFERS,
        "locked at {}, as a request of {} does or, at the limit of {}, a larger one",
        |it| match request(it)? {
            (request, Request::Limit) => {
                Some(vec![bytes(it.number()?), bytes(request), maximum(it)])
            }
            _ => None,
        },
    ),
    says(
        BUFFERS,
        "locked at {}, more than a request can give at {}",
        |it| match request(it)? {
            (_, Request::Forced) => {
                Some(vec![bytes(it.number()?), maximum(it)])
            }
            _ => None,
        },
    ),
    says(
        BUFFERS,
        "locked at {}, as a request of {} does or, at the minimum of the kernel, a smaller one",
        |it| match request(it)? {
            (request, Request::Least) => locked_at(it, request),
            _ => None,
        },
    ),
    says(BUFFERS, "autotuning off: TCP does not adjust it to the connection", |it| {
        when(is_locked(it) && it.is_of(&[Family::Tcp]))
    }),
    says(&["SO_SNDBUF"], "TCP adjusts it, up to {} (net.ipv4.tcp_wmem)", |it| {
        adjusted(it, "net.ipv4.tcp_wmem")
    }),
    says(&["SO_RCVBUF"], "TCP adjusts it, up to {} (net.ipv4.tcp_rmem)", |it| {
        let is_on = it.sysctl("net.ipv4.tcp_moderate_rcvbuf", 0) != Some(0);
        adjusted(it, "net.ipv4.tcp_rmem").filter(|_| is_on)
    }),
    says(
        &["SO_RCVLOWAT"],
        "poll(2) waits until so many bytes have arrived or the buffer is nearly full, and a recv(2) that asks for \
         as many waits until they have",
        |it| when(it.number()? > 1 && may_receive(it)),
    ),
    says(&["SO_RCVLOWAT"], "no effect on datagrams", |it| {
        when(it.number()? > 1 && it.is_of(&[Family::Udp]))
    }),
    says(TIMEOUTS, "0: no limit", |it| when(is_zero(it) && !it.shown.set)),
    says(TIMEOUTS, "a negative time was set: calls do not wait at all", |it| {
        when(is_zero(it) && it.shown.set)
    }),
    says(&["SO_SNDTIMEO"], "a connect(2) that takes longer fails with EINPROGRESS", |it| {
        let connects = matches!(it.state, State::Close | State::SynSent);
        when(it.shown.set && !is_zero(it) && connects && it.is_of(&[Family::Tcp]))
    }),
    says(
        &["SO_BUSY_POLL"],
        "no effect now: the last packet, if there was one, came from no device that can be polled",
        |it| when(it.is_on() && it.other("SO_INCOMING_NAPI_ID") == Some(0)),
    ),
    says(&["SO_MARK"], "in hexadecimal {}", |it| {
        it.number().filter(|mark| *mark > 9).map(|mark| vec![format!("{mark:#x}")])
    }),
    says(&["SO_PRIORITY"], "the priority that setting IP_TOS to {} gives", by_tos),
    says(&["SO_MAX_PACING_RATE"], "that is {}", rate),
    says(&["SO_MAX_PACING_RATE"], "only the queueing discipline fq enforces it for UDP", |it| {
        rate(it).and_then(|_| when(it.is_of(&[Family::Udp])))
    }),
    says(&["SO_PEEK_OFF"], "-1: off, MSG_PEEK begins at the front of the queue", |it| {
        when(it.number() == Some(-1))
    }),
    says(
        &["SO_TIMESTAMPING"],
        "reports no time: neither SOFTWARE nor RAW_HARDWARE is among the flags",
        unreported,
    ),
    // net/sched/sch_etf.c, sch_fq.c, sch_taprio.c
    says(
        &["SO_TXTIME"],
        "only some queueing disciplines, such as etf and fq, observe the times",
        |it| when(it.shown.set),
    ),
    says(&["SO_ERROR"], "pending: {}", |it| {
        let error = it.number().filter(|error| *error != 0)?;
        Some(vec![Errno::from_raw(i32::try_from(error).ok()?).desc().into()])
    }),
];

/// A listener conflicts with a socket without SO_REUSEPORT, unless both are bound to different interfaces:
/// net/ipv4/inet_connection_sock.c, inet_bind_conflict(). Others find a way past it: sockets with TCP_REPAIR, and, if
/// SO_REUSEPORT was on during bind(2), those that have it.
fn taken(it: &Subject) -> Option<Values> {
    let listens = it.is_of(&[Family::Tcp]) && it.state == State::Listen;
    let is_anywhere = it.context.header().ifindex == 0;
    when(it.number() == Some(1) && listens && is_anywhere && !it.has("SO_REUSEPORT"))
}

/// Whoever the other socket belongs to: net/ipv4/udp.c, udp_lib_lport_inuse()
fn shared(it: &Subject) -> Option<Values> {
    let is_bound = it.context.header().local_port != 0;
    when(it.is_on() && is_bound && it.is_of(&[Family::Udp]))
}

/// The members include connected sockets, which are passed over, and a listener that was shut down may remain in the
/// group: net/core/sock_reuseport.c, reuseport_select_sock_by_hash(), reuseport_stop_listen_sock()
fn group(it: &Subject) -> Option<Values> {
    let members = it.context.header().reuseport_members;
    let is_chosen = matches!(it.state, State::Listen | State::Unconnected);
    (it.is_on() && is_chosen && members > 1).then(|| vec![members.to_string()])
}

/// dead_after/ has the rules.
fn probes(it: &Subject) -> Option<Values> {
    let is_probed = it.is_on() && it.is_of(&[Family::Tcp]) && !it.context.is_dead();
    let noticed = limit(dead_after::idle(&it.context).filter(|_| is_probed)?)?;
    Some(vec![format!("{} s", it.other("TCP_KEEPIDLE")?), noticed])
}

fn no_probes(it: &Subject) -> Option<Values> {
    let is_never = dead_after::idle(&it.context) == Some(TimeLimit::Never);
    when(!it.is_on() && is_never && it.is_of(&[Family::Tcp]))
}

/// The seconds of SO_LINGER, if it is on and close(2) of this TCP socket will obey it. An orphan was closed before, and
/// a subflow is closed by its MPTCP socket: net/mptcp/protocol.c, __mptcp_close_ssk()
fn linger(it: &Subject) -> Option<i32> {
    let is_closed = it.context.is_dead() || it.context.is_subflow();
    let is_open = it.is_of(&[Family::Tcp]) && it.state != State::Listen && !is_closed;
    match it.shown.value {
        Value::Linger { on: true, seconds } if is_open => Some(seconds),
        _ => None,
    }
}

/// net/ipv4/tcp.c, __tcp_close(). In the other states there is no connection to reset, or only if data is left:
/// tcp_need_reset(), tcp_disconnect()
fn aborts(it: &Subject) -> Option<Values> {
    use State::{CloseWait, Established, FinWait1, FinWait2};
    let is_reset = matches!(it.state, Established | CloseWait | FinWait1 | FinWait2);
    when(linger(it)? == 0 && is_reset)
}

/// net/ipv4/af_inet.c, inet_release(), which O_NONBLOCK does not affect; net/core/stream.c, sk_stream_wait_close()
fn lingers(it: &Subject) -> Option<Values> {
    linger(it).filter(|seconds| *seconds > 0).map(|seconds| vec![format!("{seconds} s")])
}

/// The requests that lead to the size of a buffer.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Request {
    /// Only this one.
    Exact,
    /// Also larger ones.
    Limit,
    /// Also smaller ones.
    Least,
    /// None: the limit was higher or did not apply, or SO_BUF_LOCK has locked what autotuning gave.
    Forced,
}

/// The request that locks a buffer at its size, in bytes: __sock_set_rcvbuf() and its counterpart for SO_SNDBUF, which
/// limit a request and double it. `None` if there is no such request, as after SO_BUF_LOCK.
fn request(it: &Subject) -> Option<(i64, Request)> {
    /// Not less than SOCK_MIN_SNDBUF and SOCK_MIN_RCVBUF (include/net/sock.h), which depend on the size of a struct.
    const LEAST: [i64; 2] = [5120, 2560];
    /// The largest size. The limit that led to it is no sysctl.
    const MOST: i64 = i32::MAX as i64 - 1;
    let number = it.number().filter(|number| number % 2 == 0 && *number != MOST)?;
    if !is_locked(it) {
        return None;
    }
    let is_least = number <= LEAST[usize::from(is_receive_buffer(it))];
    let request = match (
        is_least,
        it.sysctl(limiting(it), 0).map(|max| number.cmp(&max.saturating_mul(2))),
    ) {
        (false, None | Some(Ordering::Equal)) => Request::Limit,
        (false, Some(Ordering::Greater)) => Request::Forced,
        (false, Some(Ordering::Less)) => Request::Exact,
        (true, Some(Ordering::Less)) => Request::Least,
        (true, _) => return None,
    };
    Some((number / 2, request))
}

fn locked_at(it: &Subject, request: i64) -> Option<Values> {
    Some(vec![bytes(it.number()?), bytes(request)])
}

fn is_receive_buffer(it: &Subject) -> bool {
    it.shown.option.name == "SO_RCVBUF"
}

/// sk_userlocks: SOCK_SNDBUF_LOCK, SOCK_RCVBUF_LOCK
fn is_locked(it: &Subject) -> bool {
    let bit = if is_receive_buffer(it) { 2 } else { 1 };
    it.other("SO_BUF_LOCK").is_some_and(|locks| locks & bit != 0)
}

/// The sysctl that limits requests.
fn limiting(it: &Subject) -> &'static str {
    if is_receive_buffer(it) {
        "net.core.rmem_max"
    } else {
        "net.core.wmem_max"
    }
}

/// The same with its value, if that is known.
fn maximum(it: &Subject) -> String {
    let name = limiting(it);
    it.sysctl(name, 0).map_or(name.into(), |max| format!("{name} = {max}"))
}

/// net/ipv4/tcp_input.c, tcp_sndbuf_expand() and tcp_rcv_space_adjust()
fn adjusted(it: &Subject, sysctl: &str) -> Option<Values> {
    let is_open = it.is_of(&[Family::Tcp]) && it.state == State::Established;
    let max = it.sysctl(sysctl, 2).filter(|_| is_open && !is_locked(it))?;
    Some(vec![bytes(max)])
}

/// Whether the peer may still send. Afterwards, poll(2) returns at once: net/ipv4/tcp.c, tcp_poll()
fn may_receive(it: &Subject) -> bool {
    use State::{Established, FinWait1, FinWait2};
    it.is_of(&[Family::Tcp]) && matches!(it.state, Established | FinWait1 | FinWait2)
}

/// Whether getsockopt(2) reports the timeout 0, both for none and for one that is over at once: sock_set_timeout()
fn is_zero(it: &Subject) -> bool {
    it.shown.value == Value::Timeval { seconds: 0, microseconds: 0 }
}

/// net/ipv4/route.c, ip_tos2prio; net/ipv4/ip_sockglue.c, ip_sock_set_tos()
fn by_tos(it: &Subject) -> Option<Values> {
    const PRIORITIES: [i64; 16] = [0, 0, 0, 0, 2, 2, 2, 2, 6, 6, 6, 6, 4, 4, 4, 4];
    let tos = it.other("IP_TOS")?;
    let given = PRIORITIES[(tos as usize & 0x1e) >> 1];
    (it.is_on() && it.number() == Some(given)).then(|| vec![tos.to_string()])
}

/// The rate in bits, as networks are measured.
fn rate(it: &Subject) -> Option<Values> {
    const UNITS: [(u128, &str); 3] =
        [(1_000_000_000, "Gbit/s"), (1_000_000, "Mbit/s"), (1_000, "kbit/s")];
    let Value::Uint64(rate) = it.shown.value else { return None };
    let bits = 8 * u128::from(rate);
    let is_limit = rate != u64::MAX && rate != 0;
    let unit = UNITS.into_iter().find(|(unit, _)| bits >= *unit).filter(|_| is_limit);
    let (unit, name) = unit.unwrap_or((1, "bit/s"));
    let decimals = format!("{:03}", bits % unit * 1000 / unit);
    let decimals = match decimals.trim_end_matches('0') {
        "" => String::new(),
        decimals => format!(".{decimals}"),
    };
    is_limit.then(|| vec![format!("{}{decimals} {name}", bits / unit)])
}

/// net/socket.c, __sock_recv_timestamp()
fn unreported(it: &Subject) -> Option<Values> {
    /// include/uapi/linux/net_tstamp.h: SOF_TIMESTAMPING_TX_HARDWARE ... RX_SOFTWARE, TX_SCHED, TX_ACK, TX_COMPLETION;
    /// SOFTWARE, RAW_HARDWARE
    const TAKEN: u32 = 0xf | 1 << 8 | 1 << 9 | 1 << 18;
    const REPORTED: u32 = 1 << 4 | 1 << 6;
    let Value::Timestamping { flags, .. } = it.shown.value else { return None };
    when(flags & TAKEN != 0 && flags & REPORTED == 0)
}
