//! SOL_TLS: net/tls/tls_main.c

use super::{boolean, is_on, Facts};
use crate::options::context::Context;
use crate::options::value::Value;

/// TLS_MAX_PAYLOAD_SIZE, include/net/tls.h: the default of TLS_TX_MAX_PAYLOAD_LEN.
pub const MAX_PAYLOAD: u64 = 1 << 14;

/// do_tls_getsockopt_conf(). `None` while there are no keys for this direction.
pub fn direction(_: &Context, [cipher, version, mode]: Facts<3>) -> Option<Value> {
    is_on(cipher)?.then_some(Value::Tls {
        version: version? as u16,
        cipher: cipher? as u16,
        mode: mode? as u8,
    })
}

/// do_tls_getsockopt_no_pad(): only for TLS 1.3, and if this host decrypts.
pub fn no_pad(_: &Context, [on, version, mode]: Facts<3>) -> Option<Value> {
    const TLS_1_3: u64 = 0x304;
    /// TLS_SW and TLS_HW, include/net/tls.h
    const DECRYPTED_HERE: [u64; 2] = [1, 2];
    let answers = version? == TLS_1_3 && DECRYPTED_HERE.contains(&mode?);
    answers.then(|| is_on(on).map(boolean))?
}
