//! Memory that does not arrive, so that a system call that reads it waits in the middle of its work:
//! userfaultfd(2). Only tests call it, never knetstat.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsRawFd, OwnedFd};
use std::{ptr, slice};

use nix::libc;
use nix::unistd::{sysconf, SysconfVar};

use crate::kernel::syscall::owned;

/// include/uapi/linux/userfaultfd.h
mod uapi {
    /// The type of the requests, and the version of the interface: UFFDIO, UFFD_API.
    pub const UFFDIO: u32 = 0xaa;
    /// The numbers of the requests: _UFFDIO_REGISTER, _UFFDIO_API.
    pub const REGISTER: u32 = 0;
    pub const API: u32 = 0x3f;
    pub const UFFDIO_REGISTER_MODE_MISSING: u64 = 1;
    pub const UFFD_EVENT_PAGEFAULT: u8 = 0x12;
    /// The size of `struct uffd_msg`. Its first byte is the event.
    pub const MESSAGE: usize = 32;

    /// `struct uffdio_api`
    #[repr(C)]
    #[derive(Default)]
    pub struct Api {
        pub api: u64,
        pub features: u64,
        pub ioctls: u64,
    }

    /// `struct uffdio_register`
    #[repr(C)]
    #[derive(Default)]
    pub struct Register {
        pub start: u64,
        pub length: u64,
        pub mode: u64,
        pub ioctls: u64,
    }
}

/// The descriptor that withholds a page. When it is dropped, or the process ends, the tasks that wait for the
/// page continue, and find zeros.
pub struct Withheld(File);

/// Maps a page and withholds it. It remains mapped until the process ends, because tasks that wait for it
/// may outlive every reference.
///
/// # Errors
///
/// `ENOSYS` if the kernel has no userfaultfd(2), `EPERM` without CAP_SYS_PTRACE.
pub fn withhold() -> io::Result<(&'static [u8], Withheld)> {
    // SAFETY: the call takes numbers only.
    let descriptor =
        unsafe { owned(libc::syscall(libc::SYS_userfaultfd, libc::O_CLOEXEC | libc::O_NONBLOCK)) }?;
    let mut api = uapi::Api { api: uapi::UFFDIO.into(), ..uapi::Api::default() };
    request(&descriptor, uapi::API, &mut api)?;
    let page = map()?;
    let mut range = uapi::Register {
        start: page.as_ptr() as u64,
        length: page.len() as u64,
        mode: uapi::UFFDIO_REGISTER_MODE_MISSING,
        ..uapi::Register::default()
    };
    request(&descriptor, uapi::REGISTER, &mut range)?;
    Ok((page, Withheld(File::from(descriptor))))
}

impl Withheld {
    /// Whether a task has begun to wait for the page since the last call.
    ///
    /// # Errors
    ///
    /// When the descriptor cannot be read, which is not expected.
    pub fn is_awaited(&self) -> io::Result<bool> {
        let mut message = [0; uapi::MESSAGE];
        match (&self.0).read(&mut message) {
            Ok(length) => Ok(length == message.len() && message[0] == uapi::UFFD_EVENT_PAGEFAULT),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(false),
            Err(error) => Err(error),
        }
    }
}

/// Maps a page that has never been touched.
fn map() -> io::Result<&'static [u8]> {
    let length = sysconf(SysconfVar::PAGE_SIZE)?.and_then(|length| usize::try_from(length).ok());
    let length = length.ok_or(io::ErrorKind::Unsupported)?;
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
    // SAFETY: a new mapping, at a place that the kernel chooses, changes nothing that is in use.
    let address = unsafe { libc::mmap(ptr::null_mut(), length, libc::PROT_READ, flags, -1, 0) };
    match address {
        libc::MAP_FAILED => Err(io::Error::last_os_error()),
        // SAFETY: the mapping has this length, is never changed and never unmapped.
        address => Ok(unsafe { slice::from_raw_parts(address.cast(), length) }),
    }
}

/// Makes the request of this number, which reads and writes the argument.
fn request<T>(descriptor: &OwnedFd, number: u32, argument: &mut T) -> io::Result<()> {
    let request = libc::_IOWR::<T>(uapi::UFFDIO, number);
    // SAFETY: the request contains the size of the argument, which lives longer than the call.
    match unsafe { libc::ioctl(descriptor.as_raw_fd(), request, argument) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}
