//! Extended attributes: xattr(7).

use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use nix::libc;

use crate::kernel::syscall;

/// The longest list of names, and the longest value: XATTR_LIST_MAX and XATTR_SIZE_MAX of linux/limits.h.
const LENGTH_MAX: usize = 65_536;

/// The attributes of a file whose names begin with `user.`, in the order of their names.
///
/// # Errors
///
/// Those of listxattr(2).
pub fn of_users(path: &Path) -> io::Result<Vec<(Vec<u8>, Vec<u8>)>> {
    let path = CString::new(path.as_os_str().as_bytes())?;
    let mut buffer = vec![0; LENGTH_MAX];
    // SAFETY: the pointer and the length describe `buffer`, and the path is a C string.
    let length =
        unsafe { libc::listxattr(path.as_ptr(), buffer.as_mut_ptr().cast(), buffer.len()) };
    let length = usize::try_from(length).map_err(|_| io::Error::last_os_error())?;
    let names = buffer[..length].split_inclusive(|byte| *byte == 0);
    let names = names.filter_map(|name| CStr::from_bytes_with_nul(name).ok());
    let names = names.filter(|name| name.to_bytes().starts_with(b"user."));
    // One that was removed meanwhile is left out.
    let attribute = |name: &CStr| Some((name.to_bytes().to_vec(), value(&path, name).ok()?));
    let mut attributes: Vec<_> = names.filter_map(attribute).collect();
    attributes.sort_unstable();
    Ok(attributes)
}

fn value(path: &CStr, name: &CStr) -> io::Result<Vec<u8>> {
    let mut value = vec![0; LENGTH_MAX];
    // SAFETY: the pointer and the length describe `value`, and the others are C strings.
    let length = unsafe {
        libc::getxattr(path.as_ptr(), name.as_ptr(), value.as_mut_ptr().cast(), value.len())
    };
    value.truncate(usize::try_from(length).map_err(|_| io::Error::last_os_error())?);
    Ok(value)
}

/// Sets an attribute of an open file. knetstat does so only with a socket of its own.
///
/// # Errors
///
/// Those of fsetxattr(2).
pub fn set(file: &impl AsFd, name: &CStr, value: &[u8]) -> io::Result<()> {
    let file = file.as_fd().as_raw_fd();
    // SAFETY: the pointer and the length describe `value`, and the name is a C string.
    let answer =
        unsafe { libc::fsetxattr(file, name.as_ptr(), value.as_ptr().cast(), value.len(), 0) };
    match answer {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Whether sockets can have attributes of users, which they can since 7.0. Finds out with a new netlink socket: unlike a
/// unix socket, it is in no table of the kernel before it is bound, so that no walk finds it.
pub fn sockets_have_them() -> bool {
    let socket = syscall::socket(libc::AF_NETLINK, libc::SOCK_RAW, libc::NETLINK_ROUTE);
    socket.is_ok_and(|socket| set(&socket, c"user.knetstat", b"").is_ok())
}
