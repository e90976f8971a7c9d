//! When the kernel gives up a TCP connection whose peer has vanished: the columns `dead_after` and
//! `dead_after_sending`.
//!
//! `idle.rs` is for a connection without unacknowledged data, `sending.rs` for one with such data, and
//! `window.rs` for data that waits for a closed window. Each follows the kernel's timer from one expiry to the
//! next, with the numbers of this connection. `moment.rs` is the time in between. All times are in jiffies,
//! except where a name ends in `_us`.

mod facts;
mod idle;
mod moment;
mod sending;
mod window;

use crate::options::context::Context;
use crate::options::dead_after::facts::Sending;
use crate::options::dead_after::idle::Idle;
use crate::record::fact::{flag, value, Fact};
use crate::socket::state::State;
use crate::socket::TimeLimit;

/// A list of the facts of a column, and a struct of their values, `None` where the kernel or the socket does not have them.
macro_rules! facts {
    ($list:ident $name:ident { $($member:ident: $fact:expr,)* }) => {
        pub const $list: &[Fact] = &[$($fact),*];

        struct $name {
            $($member: Option<u64>,)*
        }

        impl $name {
            fn of(context: &Context) -> $name {
                $name { $($member: word(context, $fact),)* }
            }
        }
    };
}

facts! {
    IDLE IdleFacts {
        keepalive: flag!(SOCKET SO_KEEPALIVE),
        time: value!(TCP TCP_KEEPIDLE),
        system_time: value!(TCP TCP_KEEPIDLE__sysctl),
        interval: value!(TCP TCP_KEEPINTVL),
        system_interval: value!(TCP TCP_KEEPINTVL__sysctl),
        probes: value!(TCP TCP_KEEPCNT),
        system_probes: value!(TCP TCP_KEEPCNT__sysctl),
        user_timeout: value!(TCP TCP_USER_TIMEOUT),
        linger2: value!(TCP TCP_LINGER2),
        fin_timeout: value!(TCP TCP_LINGER2__sysctl),
        rto: value!(DEAD DEAD_AFTER__rto),
    }
}

facts! {
    SENDING SendingFacts {
        rto: value!(DEAD DEAD_AFTER__rto),
        rto_max: value!(TCP TCP_RTO_MAX_MS),
        rto_min: value!(TCP TCP_RTO_MIN_US),
        srtt: value!(DEAD DEAD_AFTER__srtt),
        rttvar: value!(DEAD DEAD_AFTER__rttvar),
        packets: value!(DEAD DEAD_AFTER__packets),
        backoff: value!(DEAD DEAD_AFTER__backoff),
        retries2: value!(DEAD DEAD_AFTER__retries2),
        orphan_retries: value!(DEAD DEAD_AFTER__orphan_retries),
        syn_retries: value!(TCP TCP_SYNCNT),
        system_syn_retries: value!(TCP TCP_SYNCNT__sysctl),
        syn_linear: value!(DEAD DEAD_AFTER__syn_linear),
        user_timeout: value!(TCP TCP_USER_TIMEOUT),
        thin: flag!(TCP TCP_THIN_LINEAR_TIMEOUTS),
        system_thin: flag!(DEAD DEAD_AFTER__thin),
        sack: flag!(DEAD DEAD_AFTER__sack),
        loss_probes: flag!(DEAD DEAD_AFTER__loss_probes),
        window: value!(DIAG DIAG__send_window),
    }
}

/// The time after which the kernel gives up the connection if it is idle and the peer is silent. `None` if the
/// socket is no connection that can be idle, or if this kernel lacks a fact.
pub fn idle(context: &Context) -> Option<TimeLimit> {
    let (hz, state) = (context.host().hz, connection_state(context)?);
    let facts = IdleFacts::of(context);
    let idle = Idle {
        hz,
        keepalive: facts.keepalive? != 0,
        time: own_or_system(facts.time?, facts.system_time?),
        interval: own_or_system(facts.interval?, facts.system_interval?),
        probes: own_or_system(facts.probes?, facts.system_probes?),
        user_timeout: milliseconds(facts.user_timeout?, hz),
    };
    match (state, context.is_dead()) {
        // It does not wait at all, and is about to be closed.
        (State::FinWait2, true) if (facts.linger2? as i32) < 0 => None,
        (State::FinWait2, true) => {
            let jiffies =
                idle::fin_time(own_or_system(facts.linger2?, facts.fin_timeout?), facts.rto?, hz);
            Some(TimeLimit::of_jiffies(jiffies, hz))
        }
        (State::Established | State::CloseWait | State::FinWait2, _) => Some(idle.limit()),
        _ => None,
    }
}

/// The time after which the kernel gives up the connection if the peer does not acknowledge what is sent.
/// `None` if the socket is no connection that sends, or if this kernel lacks a fact.
pub fn sending(context: &Context) -> Option<TimeLimit> {
    let (hz, state) = (context.host().hz, connection_state(context)?);
    let facts = SendingFacts::of(context);
    let header = context.header();
    let sending = Sending {
        hz,
        state,
        is_orphan: context.is_dead(),
        rto: facts.rto?.max(1),
        // Since 6.15 for each socket, before a constant: include/net/tcp.h, TCP_RTO_MAX
        rto_max: facts.rto_max.unwrap_or(120 * hz).max(1),
        // include/net/tcp.h, TCP_RTO_MIN
        rto_min: facts.rto_min.unwrap_or(hz / 5),
        srtt_us: facts.srtt?,
        rttvar_us: facts.rttvar?,
        packets: facts.packets?,
        retransmits: header.retransmits.into(),
        backoff: byte(facts.backoff?),
        probes: header.probes.into(),
        retries2: byte(facts.retries2?),
        orphan_retries: byte(facts.orphan_retries?),
        syn_retries: byte(own_or_system(facts.syn_retries?, facts.system_syn_retries?)),
        // Since 6.5
        syn_linear: byte(facts.syn_linear.unwrap_or_default()),
        user_timeout: milliseconds(facts.user_timeout?, hz),
        is_thin: (facts.thin? | facts.system_thin?) != 0 && !is_bbr(context),
        has_loss_probes: (facts.sack? & facts.loss_probes?) != 0,
        is_window_closed: facts.window? == 0,
    };
    Some(TimeLimit::of_jiffies(sending.limit()?, hz))
}

/// Whether the congestion control is BBR, in some version. Its connections never leave the initial slow start,
/// in which no stream is thin: net/ipv4/tcp_bbr.c, bbr_ssthresh()
fn is_bbr(context: &Context) -> bool {
    context.congestion().is_some_and(|name| name.as_bytes().starts_with(b"bbr"))
}

/// The state of a full TCP socket. An MPTCP socket is given up by other rules, and its subflows by these.
fn connection_state(context: &Context) -> Option<State> {
    let is_connection = context.is_tcp() && context.is_full() && !context.is_mptcp();
    is_connection.then(|| State::of_tcp(context.header().state))
}

/// A fact without the bits that the kernel does not have. All of these are unsigned, and none is longer.
fn word(context: &Context, fact: Fact) -> Option<u64> {
    context.get(fact).map(|fact| u64::from(fact as u32))
}

/// The same for a number that the kernel limits to a byte.
fn byte(fact: u64) -> u64 {
    u64::from(fact as u8)
}

/// The socket's own number, or the system's if it is 0.
fn own_or_system(own: u64, system: u64) -> u64 {
    match own {
        0 => system,
        own => own,
    }
}

/// Converts milliseconds: kernel/time/time.c, msecs_to_jiffies()
fn milliseconds(milliseconds: u64, hz: u64) -> u64 {
    (milliseconds * hz).div_ceil(1000)
}
