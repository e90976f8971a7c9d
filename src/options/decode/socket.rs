//! SOL_SOCKET: net/core/sock.c, sk_getsockopt()

use super::{boolean, int, is_on, Facts};
use crate::options::context::Context;
use crate::options::value::{AttachedProgram, Value};
use crate::socket::is_inet;
use crate::text::Name;

/// The timeout of a socket without one: MAX_SCHEDULE_TIMEOUT, include/linux/sched.h.
pub const NO_TIMEOUT: u64 = i64::MAX as u64;

/// SO_LINGER
pub fn linger(context: &Context, [on, jiffies]: Facts<2>) -> Option<Value> {
    let seconds = jiffies? / context.host().hz;
    Some(Value::Linger { on: is_on(on)?, seconds: seconds as i32 })
}

/// SO_BUF_LOCK
pub fn buffer_locks(_: &Context, [locks]: Facts<1>) -> Option<Value> {
    Some(int(locks? & 3))
}

/// SO_PROTOCOL. Each address family numbers its protocols from 0 on. The words are only those of IP
/// protocols.
pub fn protocol(context: &Context, [number]: Facts<1>) -> Option<Value> {
    let number = number? as u32;
    Some(match is_inet(context.header().family) {
        true => Value::Int(number.into()),
        false => Value::Wordless(number),
    })
}

/// sock_get_timeout()
pub fn timeout(context: &Context, [jiffies]: Facts<1>) -> Option<Value> {
    let hz = context.host().hz;
    Some(match jiffies? {
        NO_TIMEOUT => Value::Timeval { seconds: 0, microseconds: 0 },
        jiffies => Value::Timeval {
            seconds: (jiffies / hz) as i64,
            microseconds: (jiffies % hz * 1_000_000 / hz) as i64,
        },
    })
}

/// sock_getbindtodevice(). Also `None` if the interface is gone.
pub fn bound_device(context: &Context, [index]: Facts<1>) -> Option<Value> {
    match index? {
        0 => Some(Value::Name(Name::default())),
        index => context.host().interface(index as u32).map(Value::Name),
    }
}

/// SO_INCOMING_NAPI_ID. A number that is not larger than the number of CPUs is a CPU, not a NAPI ID. Unknown if the number
/// of CPUs is.
pub fn napi_id(context: &Context, [id]: Facts<1>) -> Option<Value> {
    let id = id? as u32;
    if id == 0 {
        return Some(Value::Int(0));
    }
    let is_cpu = u64::from(id) <= context.host().cpus?;
    Some(Value::Int(if is_cpu { 0 } else { id.into() }))
}

/// SO_TIMESTAMP_OLD, of the flags SOCK_RCVTSTAMP, SOCK_RCVTSTAMPNS and SOCK_TSTAMP_NEW
pub fn timestamp(_: &Context, flags: Facts<3>) -> Option<Value> {
    timestamps(flags, |any, ns, new| any && !ns && !new)
}

/// SO_TIMESTAMPNS_OLD, of the same flags
pub fn timestampns(_: &Context, flags: Facts<3>) -> Option<Value> {
    timestamps(flags, |_, ns, new| ns && !new)
}

/// SO_TIMESTAMP_NEW, of the same flags
pub fn timestamp_new(_: &Context, flags: Facts<3>) -> Option<Value> {
    timestamps(flags, |any, _, new| any && new)
}

/// SO_TIMESTAMPNS_NEW, of the same flags
pub fn timestampns_new(_: &Context, flags: Facts<3>) -> Option<Value> {
    timestamps(flags, |_, ns, new| ns && new)
}

fn timestamps([any, ns, new]: Facts<3>, on: fn(bool, bool, bool) -> bool) -> Option<Value> {
    Some(boolean(on(is_on(any)?, is_on(ns)?, is_on(new)?)))
}

/// SO_TIMESTAMPING_OLD. There is no bind_phc before 5.14.
pub fn timestamping(_: &Context, [flags, bind_phc]: Facts<2>) -> Option<Value> {
    Some(Value::Timestamping {
        flags: flags? as u32,
        bind_phc: bind_phc.unwrap_or_default() as i32,
    })
}

/// SO_TXTIME
pub fn txtime(_: &Context, [on, clockid, deadline_mode, report_errors]: Facts<4>) -> Option<Value> {
    Some(Value::Txtime {
        clockid: clockid? as i32,
        flags: (deadline_mode? | report_errors? << 1) as u32,
        on: is_on(on)?,
    })
}

/// SO_GET_FILTER: net/core/filter.c, sk_get_filter()
pub fn filter(context: &Context, facts: Facts<5>) -> Option<Value> {
    program(facts, context.filter_name())
}

/// SO_ATTACH_REUSEPORT_CBPF: net/core/sock_reuseport.c, reuseport_attach_prog()
pub fn reuseport_program(context: &Context, facts: Facts<5>) -> Option<Value> {
    program(facts, context.reuseport_name())
}

/// A program that was attached as classic BPF keeps its original. A program that was attached as eBPF has an
/// ID, and may have a name.
fn program(
    [attached, classic, instructions, id, has_name]: Facts<5>,
    name: Option<Name>,
) -> Option<Value> {
    Some(Value::Program(if !is_on(attached)? {
        AttachedProgram::None
    } else if is_on(classic)? {
        AttachedProgram::Classic(instructions? as u32)
    } else {
        AttachedProgram::Ebpf { id: id? as u32, name: name.filter(|_| has_name.is_some()) }
    }))
}

/// SO_ERROR
pub fn pending_error(_: &Context, [error, soft]: Facts<2>) -> Option<Value> {
    Some(int(match error? {
        0 => soft?,
        error => error,
    }))
}

/// SO_COOKIE: net/core/sock_diag.c, sock_gen_cookie(). A socket has none until it is asked for.
pub fn cookie(context: &Context, []: Facts<0>) -> Option<Value> {
    match context.header().cookie {
        cookie if cookie != 0 && context.is_full() => Some(Value::Uint64(cookie)),
        _ => None,
    }
}
