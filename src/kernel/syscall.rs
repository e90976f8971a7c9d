//! The few system calls that no crate wraps in the form needed here.

use std::fs::File;
use std::io;
use std::mem;
use std::ops::Deref;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::ptr;
use std::slice;

use nix::errno::Errno;
use nix::libc;
use nix::sys::statfs::{fstatfs, SYSFS_MAGIC};

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

/// Fills `buffer` with random bytes that can serve as a key: getrandom(2).
///
/// # Errors
///
/// What the kernel answers, or `UnexpectedEof` for more than the 256 bytes that it gives at once.
pub fn fill_random(buffer: &mut [u8]) -> io::Result<()> {
    // SAFETY: the pointer and the length describe `buffer`, which lives longer than the call.
    let length = unsafe { libc::getrandom(buffer.as_mut_ptr().cast(), buffer.len(), 0) };
    match usize::try_from(length) {
        Ok(length) if length == buffer.len() => Ok(()),
        Ok(_) => Err(io::ErrorKind::UnexpectedEof.into()),
        Err(_) => Err(io::Error::last_os_error()),
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

/// The index of the interface with this name in the network namespace that this thread is in. The C
/// library's if_nametoindex(3) hides why a socket to ask cannot be opened, or cuts the name.
///
/// # Errors
///
/// `ENODEV` when there is none; else why it cannot be asked.
pub fn interface_index(name: &[u8]) -> io::Result<u32> {
    // SAFETY: `ifreq` is a C struct of integers; all zeros is a valid value.
    let mut request: libc::ifreq = unsafe { mem::zeroed() };
    if name.len() >= request.ifr_name.len() || name.contains(&0) {
        return Err(Errno::ENODEV.into());
    }
    for (to, byte) in request.ifr_name.iter_mut().zip(name) {
        *to = *byte as libc::c_char;
    }
    let socket = socket(libc::AF_UNIX, libc::SOCK_DGRAM, 0)?;
    // SAFETY: the request wants a pointer to an `ifreq`, and gets one that lives long enough.
    let result = unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCGIFINDEX, &mut request) };
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel has answered with an index, and every member of the union is of integers.
    Ok(unsafe { request.ifr_ifru.ifru_ifindex } as u32)
}

/// Which kind of namespace a file is, as a flag of clone(2): ioctl_nsfs(2), NS_GET_NSTYPE.
///
/// # Errors
///
/// `ENOTTY` where the file is no namespace.
pub fn namespace_kind(file: BorrowedFd) -> io::Result<i32> {
    const NS_GET_NSTYPE: libc::Ioctl = 0xb703;
    // SAFETY: the request takes no argument.
    match unsafe { libc::ioctl(file.as_raw_fd(), NS_GET_NSTYPE) } {
        kind @ 0.. => Ok(kind),
        _ => Err(io::Error::last_os_error()),
    }
}

/// The descriptor that a system call answered with.
///
/// # Safety
///
/// The number must be the answer of a call that makes a new descriptor, or its -1.
pub(super) unsafe fn owned(answer: libc::c_long) -> io::Result<OwnedFd> {
    match i32::try_from(answer) {
        // SAFETY: the caller says that the kernel has just made this descriptor for us.
        Ok(fd @ 0..) => Ok(unsafe { OwnedFd::from_raw_fd(fd) }),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Whether this process has more rights than the one that started it, as by file capabilities or the
/// set-user-ID bit: getauxval(3), AT_SECURE; security/commoncap.c, cap_bprm_creds_from_file(). Not so
/// when root or sudo started it, or by ambient capabilities, which the caller had itself.
pub fn has_more_rights_than_caller() -> bool {
    /// include/uapi/linux/auxvec.h
    const AT_SECURE: libc::c_ulong = 23;
    // SAFETY: the call takes a number and reads what the kernel wrote when the process began.
    unsafe { libc::getauxval(AT_SECURE) != 0 }
}

/// Raises the limit of open files to the highest that this process may set: getrlimit(2).
pub fn allow_many_files() {
    use nix::sys::resource::{getrlimit, setrlimit, Resource};
    if let Ok((_, most)) = getrlimit(Resource::RLIMIT_NOFILE) {
        // Where that is refused, the limit before may suffice.
        let _ = setrlimit(Resource::RLIMIT_NOFILE, most, most);
    }
}

/// Calls bpf(2) with a command that no kernel has, and returns the error that comes back. EINVAL:
/// the call is there, and open to this process; kernel/bpf/syscall.c, __sys_bpf(). ENOSYS: the kernel
/// was built without it. EPERM: it is forbidden, or on some kernels, a capability is missing.
pub fn bpf_without_command() -> io::Error {
    const NO_COMMAND: libc::c_long = 0x7fff;
    let nothing = ptr::null::<u8>();
    // SAFETY: the kernel is given a pointer to no bytes, which it does not read.
    match unsafe { libc::syscall(libc::SYS_bpf, NO_COMMAND, nothing, 0) } {
        0.. => io::Error::from(io::ErrorKind::InvalidInput),
        _ => io::Error::last_os_error(),
    }
}

/// The kernel's types, mapped from a file of /sys/kernel/btf with mmap(2): kernel/bpf/sysfs_btf.c.
pub struct BtfMapping {
    address: *const u8,
    length: usize,
}

impl BtfMapping {
    /// Maps the whole file.
    ///
    /// # Errors
    ///
    /// `ENODEV` before Linux 6.16; an invalid input if it is not the kernel's file but a copy, which
    /// may change, or if it is empty.
    pub fn of(file: &File) -> io::Result<BtfMapping> {
        let length = usize::try_from(file.metadata()?.len()).unwrap_or_default();
        if length == 0 || fstatfs(file)?.filesystem_type() != SYSFS_MAGIC {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        // SAFETY: a new mapping, at a place that the kernel chooses, changes nothing that is in use.
        let address = unsafe {
            libc::mmap(
                ptr::null_mut(),
                length,
                libc::PROT_READ,
                libc::MAP_PRIVATE,
                file.as_raw_fd(),
                0,
            )
        };
        match address {
            libc::MAP_FAILED => Err(io::Error::last_os_error()),
            address => Ok(BtfMapping { address: address.cast(), length }),
        }
    }
}

impl Deref for BtfMapping {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        // SAFETY: the mapping has this length and lives as long as this, and the kernel's types are
        // constant.
        unsafe { slice::from_raw_parts(self.address, self.length) }
    }
}

impl Drop for BtfMapping {
    fn drop(&mut self) {
        // SAFETY: it was mapped with this length, and nobody has a reference to it any more.
        unsafe { libc::munmap(self.address.cast_mut().cast(), self.length) };
    }
}
