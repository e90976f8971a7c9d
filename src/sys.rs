//! The few system calls that no crate wraps in the form needed here.

use std::io;
use std::mem;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use nix::libc;

/// Opens a socket of any family, type and protocol with socket(2); it is closed on exec.
///
/// # Errors
///
/// What the kernel answers.
pub fn socket(domain: i32, socket_type: i32, protocol: i32) -> io::Result<OwnedFd> {
    // SAFETY: the call takes numbers only.
    let fd = unsafe { libc::socket(domain, socket_type | libc::SOCK_CLOEXEC, protocol) };
    match fd {
        // SAFETY: the kernel has just made this descriptor for us, and nobody else knows it.
        0.. => Ok(unsafe { OwnedFd::from_raw_fd(fd) }),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Asks getsockopt(2) for an option of any level and number. Fills the beginning of `buffer` and
/// returns how many bytes the kernel says the value has.
///
/// # Errors
///
/// What the kernel answers; `ENOPROTOOPT` and `EOPNOTSUPP` mean that this kind of socket does not
/// have the option.
pub fn getsockopt(
    socket: BorrowedFd,
    level: i32,
    number: i32,
    buffer: &mut [u8],
) -> io::Result<usize> {
    let mut length = libc::socklen_t::try_from(buffer.len()).unwrap_or(libc::socklen_t::MAX);
    // SAFETY: the pointer and the length describe `buffer`, which lives longer than the call.
    let result = unsafe {
        libc::getsockopt(socket.as_raw_fd(), level, number, buffer.as_mut_ptr().cast(), &mut length)
    };
    match result {
        0 => Ok(length as usize),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Sets an option of any level and number with setsockopt(2). knetstat never does; its tests do.
///
/// # Errors
///
/// What the kernel answers.
pub fn setsockopt(socket: BorrowedFd, level: i32, number: i32, value: &[u8]) -> io::Result<()> {
    let length = libc::socklen_t::try_from(value.len()).unwrap_or(libc::socklen_t::MAX);
    // SAFETY: the pointer and the length describe `value`, which lives longer than the call.
    let result = unsafe {
        libc::setsockopt(socket.as_raw_fd(), level, number, value.as_ptr().cast(), length)
    };
    match result {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// The name of an interface in the network namespace of `socket`, which need not be the one the
/// program is in: netdevice(7), SIOCGIFNAME. At most 15 bytes, in any encoding.
///
/// # Errors
///
/// `ENODEV` where that namespace has no interface of that index.
pub fn interface_name(socket: BorrowedFd, index: u32) -> io::Result<Vec<u8>> {
    // SAFETY: `ifreq` is a C struct of integers; all zeros is a valid value.
    let mut request: libc::ifreq = unsafe { mem::zeroed() };
    request.ifr_ifru.ifru_ifindex =
        i32::try_from(index).map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
    // SAFETY: the request wants a pointer to an `ifreq`, and gets one that lives long enough.
    let result = unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCGIFNAME, &mut request) };
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    let name = request.ifr_name.iter().take_while(|&&byte| byte != 0);
    Ok(name.map(|&byte| byte as u8).collect())
}
