//! Unix sockets: net/unix/af_unix.c

use super::{is_on, Facts};
use crate::options::context::Context;
use crate::options::layouts::Ucred;
use crate::options::value::Value;

/// SO_PEERCRED: net/core/sock.c, cred_to_ucred(). Without a peer, the PID is 0, and the UID and the GID are
/// -1.
pub fn peer_credentials(_: &Context, [is_known, pid, uid, gid]: Facts<4>) -> Option<Value> {
    const NOBODY: u32 = u32::MAX;
    let (pid, uid, gid) = (pid? as i32, uid? as u32, gid? as u32);
    Some(Value::from(match is_on(is_known)? {
        true => Ucred { pid, uid, gid },
        false => Ucred { pid, uid: NOBODY, gid: NOBODY },
    }))
}
