//! The name of this host.

use nix::sys::utsname::uname;

/// The name of this host in the UTS namespace of this process: uname(2). Empty if it is not known.
pub fn host_name() -> Vec<u8> {
    uname().map(|names| names.nodename().as_encoded_bytes().to_vec()).unwrap_or_default()
}
