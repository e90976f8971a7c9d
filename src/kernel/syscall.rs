//! The few system calls that no crate wraps in the form needed here.

use std::fs::File;
use std::io;
use std::mem;
use std::ops::Deref;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::ptr;
use std::slice;

use nix::errno::Errno;
use nix::libc;
use nix::sys::statfs::{fstatfs, SYSFS_MAGIC};

/// Opens a socket of any family, type and protocol with socket(2). It is closed on exec.
///
/// # Errors
///
/// The error of the kernel.
pub fn socket(domain: i32, socket_type: i32, protocol: i32) -> io::Result<OwnedFd> {
    // SAFETY: the call takes numbers only.
    let fd = unsafe { libc::socket(domain, socket_type | libc::SOCK_CLOEXEC, protocol) };
    match fd {
        // SAFETY: the kernel has just created this descriptor, and nothing else owns it.
        0.. => Ok(unsafe { OwnedFd::from_raw_fd(fd) }),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Duplicates a descriptor to a number above another one: fcntl(2), F_DUPFD_CLOEXEC.
///
/// # Errors
///
/// The error of the kernel.
pub fn duplicate_above(fd: &OwnedFd, number: i32) -> io::Result<OwnedFd> {
    // SAFETY: the call takes numbers only, and its result is a new descriptor.
    unsafe { owned(libc::fcntl(fd.as_raw_fd(), libc::F_DUPFD_CLOEXEC, number + 1).into()) }
}

/// Reads an option of any level and number with getsockopt(2). Fills the beginning of `buffer` and
/// returns the length of the value in bytes, as the kernel reports it.
///
/// # Errors
///
/// The error of the kernel. `ENOPROTOOPT` and `EOPNOTSUPP` mean that this kind of socket does not have
/// the option.
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

/// Sets an option of any level and number with setsockopt(2). Only tests call it, never knetstat.
///
/// # Errors
///
/// The error of the kernel.
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
/// The error of the kernel, or `UnexpectedEof` if it returns fewer bytes, which cannot happen up to 256
/// bytes.
pub fn fill_random(buffer: &mut [u8]) -> io::Result<()> {
    // SAFETY: the pointer and the length describe `buffer`, which lives longer than the call.
    let length = unsafe { libc::getrandom(buffer.as_mut_ptr().cast(), buffer.len(), 0) };
    match usize::try_from(length) {
        Ok(length) if length == buffer.len() => Ok(()),
        Ok(_) => Err(io::ErrorKind::UnexpectedEof.into()),
        Err(_) => Err(io::Error::last_os_error()),
    }
}

/// The name of an interface in the network namespace of `socket`, which may differ from that of the
/// program: netdevice(7), SIOCGIFNAME. At most 15 bytes, in any encoding.
///
/// # Errors
///
/// `ENODEV` if that namespace has no interface of that index. `InvalidInput` if the index exceeds
/// `i32::MAX`.
pub fn interface_name(socket: BorrowedFd, index: u32) -> io::Result<Vec<u8>> {
    // SAFETY: `ifreq` is a C struct of integers, for which all zeros is a valid value.
    let mut request: libc::ifreq = unsafe { mem::zeroed() };
    request.ifr_ifru.ifru_ifindex =
        i32::try_from(index).map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
    // SAFETY: the request expects a pointer to an `ifreq`, which lives longer than the call.
    let result = unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCGIFNAME, &mut request) };
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    let name = request.ifr_name.iter().take_while(|&&byte| byte != 0);
    Ok(name.map(|&byte| byte as u8).collect())
}

/// The index of the interface with this name in the network namespace of this thread. The C library's
/// if_nametoindex(3) hides why its socket cannot be opened, or truncates the name.
///
/// # Errors
///
/// `ENODEV` if there is no such interface, or why it cannot be looked up.
pub fn interface_index(name: &[u8]) -> io::Result<u32> {
    // SAFETY: `ifreq` is a C struct of integers, for which all zeros is a valid value.
    let mut request: libc::ifreq = unsafe { mem::zeroed() };
    if name.len() >= request.ifr_name.len() || name.contains(&0) {
        return Err(Errno::ENODEV.into());
    }
    for (to, byte) in request.ifr_name.iter_mut().zip(name) {
        *to = *byte as libc::c_char;
    }
    let socket = socket(libc::AF_UNIX, libc::SOCK_DGRAM, 0)?;
    // SAFETY: the request expects a pointer to an `ifreq`, which lives longer than the call.
    let result = unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCGIFINDEX, &mut request) };
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel has written an index to this member of the union.
    Ok(unsafe { request.ifr_ifru.ifru_ifindex } as u32)
}

/// The kind of a namespace, as a flag of clone(2): ioctl_nsfs(2), NS_GET_NSTYPE.
///
/// # Errors
///
/// `ENOTTY` if the file is not a namespace.
pub fn namespace_kind(file: BorrowedFd) -> io::Result<i32> {
    const NS_GET_NSTYPE: libc::Ioctl = 0xb703;
    // SAFETY: the request takes no argument.
    match unsafe { libc::ioctl(file.as_raw_fd(), NS_GET_NSTYPE) } {
        kind @ 0.. => Ok(kind),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Takes ownership of the descriptor that a system call returned.
///
/// # Safety
///
/// The number must be the result of a call that creates a descriptor: the descriptor, or -1.
pub(super) unsafe fn owned(answer: libc::c_long) -> io::Result<OwnedFd> {
    match i32::try_from(answer) {
        // SAFETY: the caller guarantees that the kernel has just created this descriptor.
        Ok(fd @ 0..) => Ok(unsafe { OwnedFd::from_raw_fd(fd) }),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Opens a descriptor of a task: pidfd_open(2).
///
/// # Errors
///
/// `ESRCH` when there is no such task.
pub fn pidfd(number: u32, flags: libc::c_int) -> io::Result<OwnedFd> {
    // SAFETY: the call takes numbers only.
    unsafe { owned(libc::syscall(libc::SYS_pidfd_open, number, flags)) }
}

/// Duplicates a descriptor of another process: pidfd_getfd(2).
///
/// # Errors
///
/// `ESRCH` and `EBADF` when the process or the descriptor is gone, `EPERM` without CAP_SYS_PTRACE.
pub fn duplicate(process: BorrowedFd, fd: u32) -> io::Result<OwnedFd> {
    // SAFETY: the call takes numbers only.
    unsafe { owned(libc::syscall(libc::SYS_pidfd_getfd, process.as_raw_fd(), fd, 0)) }
}

/// Whether this process has more rights than the process that started it, through file capabilities or
/// the set-user-ID bit: getauxval(3), AT_SECURE; security/commoncap.c, cap_bprm_creds_from_file(). False
/// if root or sudo started it, and with ambient capabilities, which the caller had itself.
pub fn has_more_rights_than_caller() -> bool {
    /// include/uapi/linux/auxvec.h
    const AT_SECURE: libc::c_ulong = 23;
    // SAFETY: the call takes a number and reads what the kernel wrote when the process was started.
    unsafe { libc::getauxval(AT_SECURE) != 0 }
}

/// Raises the soft limit of open files to the hard limit: getrlimit(2).
pub fn allow_many_files() {
    use nix::sys::resource::{getrlimit, setrlimit, Resource};
    if let Ok((_, most)) = getrlimit(Resource::RLIMIT_NOFILE) {
        // If that is refused, the old limit may suffice.
        let _ = setrlimit(Resource::RLIMIT_NOFILE, most, most);
    }
}

/// Calls bpf(2) with a command that no kernel has, and returns the error. EINVAL: the call exists, and
/// this process may use it; kernel/bpf/syscall.c, __sys_bpf(). ENOSYS: the kernel was built without it.
/// EPERM: it is forbidden or, on some kernels, a capability is missing.
pub fn bpf_without_command() -> io::Error {
    const NO_COMMAND: libc::c_long = 0x7fff;
    let nothing = ptr::null::<u8>();
    // SAFETY: the length is 0, so that the kernel does not read from the pointer.
    match unsafe { libc::syscall(libc::SYS_bpf, NO_COMMAND, nothing, 0) } {
        0.. => io::Error::from(io::ErrorKind::InvalidInput),
        _ => io::Error::last_os_error(),
    }
}

/// A map of the BPF programs, mapped for reading: bpf(2), BPF_F_MMAPABLE.
pub struct MapMapping {
    address: *const u8,
    length: usize,
}

// SAFETY: the mapping can only be read, and from any thread.
unsafe impl Send for MapMapping {}
// SAFETY: as above. References to its contents are made by an unsafe function only.
unsafe impl Sync for MapMapping {}

impl MapMapping {
    /// Maps the elements of an array, which are `length` bytes.
    ///
    /// # Errors
    ///
    /// Those of mmap(2).
    pub fn of(map: BorrowedFd, length: usize) -> io::Result<MapMapping> {
        map_file(map, length, libc::MAP_SHARED).map(|address| MapMapping { address, length })
    }
}

impl MapMapping {
    /// The number at this offset, a multiple of eight, as it is now. `None` if the mapping does not have it.
    pub fn number(&self, at: usize) -> Option<u64> {
        let is_inside = at % 8 == 0 && at.checked_add(8).is_some_and(|end| end <= self.length);
        // SAFETY: the mapping has these bytes, lives as long as `self` and begins at a page. A program may write to
        // them at the same time.
        is_inside.then(|| unsafe { ptr::read_volatile(self.address.add(at).cast()) })
    }

    /// A part of the contents. Empty if the mapping does not have all of it.
    ///
    /// # Safety
    ///
    /// No program may write to this part while the reference exists.
    pub(super) unsafe fn part(&self, begin: usize, length: usize) -> &[u8] {
        match begin.checked_add(length) {
            // SAFETY: the mapping has these bytes and lives as long as `self`. The caller guarantees that they do not
            // change.
            Some(end) if end <= self.length => unsafe {
                slice::from_raw_parts(self.address.add(begin), length)
            },
            _ => &[],
        }
    }
}

impl Drop for MapMapping {
    fn drop(&mut self) {
        // SAFETY: it was mapped with this length, and no reference to it is left.
        unsafe { libc::munmap(self.address.cast_mut().cast(), self.length) };
    }
}

/// Maps the beginning of a file for reading.
fn map_file(file: BorrowedFd, length: usize, flags: i32) -> io::Result<*const u8> {
    // SAFETY: a new mapping, at a place that the kernel chooses, changes nothing that is in use.
    let address =
        unsafe { libc::mmap(ptr::null_mut(), length, libc::PROT_READ, flags, file.as_raw_fd(), 0) };
    match address {
        libc::MAP_FAILED => Err(io::Error::last_os_error()),
        address => Ok(address.cast_const().cast()),
    }
}

/// The kernel's types, mapped from a file of /sys/kernel/btf with mmap(2): kernel/bpf/sysfs_btf.c.
pub struct BtfMapping {
    address: *const u8,
    length: usize,
}

// SAFETY: the mapping can only be read, from any thread, and the kernel's types are constant.
unsafe impl Sync for BtfMapping {}

impl BtfMapping {
    /// Maps the whole file.
    ///
    /// # Errors
    ///
    /// `ENODEV` before Linux 6.16. `InvalidInput` if the file is empty, or not the kernel's file but a
    /// copy, which may change.
    pub fn of(file: &File) -> io::Result<BtfMapping> {
        let length = usize::try_from(file.metadata()?.len()).unwrap_or_default();
        if length == 0 || fstatfs(file)?.filesystem_type() != SYSFS_MAGIC {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let address = map_file(file.as_fd(), length, libc::MAP_PRIVATE)?;
        Ok(BtfMapping { address, length })
    }
}

impl Deref for BtfMapping {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        // SAFETY: the mapping has this length and lives as long as `self`, and the kernel's types are
        // constant.
        unsafe { slice::from_raw_parts(self.address, self.length) }
    }
}

impl Drop for BtfMapping {
    fn drop(&mut self) {
        // SAFETY: it was mapped with this length, and no reference to it is left.
        unsafe { libc::munmap(self.address.cast_mut().cast(), self.length) };
    }
}
