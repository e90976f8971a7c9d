//! The random key of the identities that stand for kernel addresses in records: bpf/identity.h.

use std::sync::OnceLock;

use anyhow::Context;
use libbpf_rs::OpenObject;

use crate::kernel::abi::identity_key;
use crate::kernel::syscall::fill_random;

type Key = [u8; size_of::<identity_key>()];

/// Gives an object the key. All objects of one process have the same, so that a socket has one identity
/// in the streams of all programs.
///
/// # Errors
///
/// When the kernel has no random bytes, or the object has no key.
pub fn set_identity_key(open: &mut OpenObject) -> anyhow::Result<()> {
    let key = key()?;
    let mut maps = open.maps_mut();
    let map = maps.find(|map| map.name() == ".rodata.identity");
    let mut map = map.context("the BPF programs have no key of identities")?;
    Ok(map.set_initial_value(key)?)
}

/// The key of this process.
fn key() -> anyhow::Result<&'static Key> {
    static KEY: OnceLock<Key> = OnceLock::new();
    if let Some(key) = KEY.get() {
        return Ok(key);
    }
    let mut key = Key::default();
    fill_random(&mut key).context("getrandom(2) failed")?;
    // Where another thread was faster, all use its key.
    Ok(KEY.get_or_init(|| key))
}
