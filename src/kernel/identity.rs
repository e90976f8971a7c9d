//! The random key of the identities that replace kernel addresses in records: bpf/identity.h.

use std::io;
use std::sync::OnceLock;

use crate::kernel::abi::identity_key;
use crate::kernel::syscall::fill_random;

type Key = [u8; size_of::<identity_key>()];

/// The key of this process. All objects use the same key, so that a socket has one identity in the
/// records of all programs.
///
/// # Errors
///
/// When the kernel has no random bytes: getrandom(2).
pub fn key() -> io::Result<&'static Key> {
    static KEY: OnceLock<Key> = OnceLock::new();
    if let Some(key) = KEY.get() {
        return Ok(key);
    }
    let mut key = Key::default();
    fill_random(&mut key)?;
    // If another thread was faster, its key is used by all.
    Ok(KEY.get_or_init(|| key))
}
