//! The ways in which user space writes to a BPF map through a descriptor. Only tests call them, never knetstat.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::ptr;

use libbpf_sys as sys;
use nix::errno::Errno;
use nix::libc;

/// Writes zeros to the first element of a map: bpf(2), BPF_MAP_UPDATE_ELEM.
///
/// # Errors
///
/// The error of the kernel: `EPERM` if the map or the descriptor cannot be written.
pub fn update(map: BorrowedFd, key_size: usize, value_size: usize) -> io::Result<()> {
    let processors = libbpf_rs::num_possible_cpus().map_err(io::Error::other)?;
    let key = vec![0u8; key_size];
    // A map may have a value for each processor.
    let value = vec![0u8; value_size.next_multiple_of(8) * processors];
    // SAFETY: the kernel reads no more of the key and the value than there is.
    let result = unsafe {
        let (key, value) = (key.as_ptr().cast(), value.as_ptr().cast());
        sys::bpf_map_update_elem(map.as_raw_fd(), key, value, sys::BPF_ANY.into())
    };
    match result {
        0 => Ok(()),
        error => Err(Errno::from_raw(-error).into()),
    }
}

/// The first page of a map, in memory that can be written.
pub struct WritablePage(*mut libc::c_void);

impl WritablePage {
    const LENGTH: usize = 4096;

    /// Maps the page with mmap(2).
    ///
    /// # Errors
    ///
    /// The error of the kernel: `EPERM` if the map is frozen, `EACCES` if the descriptor cannot be written,
    /// ENOTSUPP if user space cannot map this map at all.
    pub fn of(map: BorrowedFd) -> io::Result<WritablePage> {
        let permissions = libc::PROT_READ | libc::PROT_WRITE;
        let nowhere = ptr::null_mut();
        // SAFETY: a new mapping, at a place that the kernel chooses, changes nothing that is in use.
        let address = unsafe {
            libc::mmap(nowhere, Self::LENGTH, permissions, libc::MAP_SHARED, map.as_raw_fd(), 0)
        };
        match address {
            libc::MAP_FAILED => Err(io::Error::last_os_error()),
            address => Ok(WritablePage(address)),
        }
    }
}

impl Drop for WritablePage {
    fn drop(&mut self) {
        // SAFETY: it was mapped with this length, and nothing else refers to it.
        unsafe { libc::munmap(self.0, Self::LENGTH) };
    }
}
