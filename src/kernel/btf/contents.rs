//! The contents of a BTF file, mapped or copied.

use std::fs::File;
use std::io::{self, Read};
use std::ops::Deref;
use std::slice;

use libbpf_rs::btf::Btf;
use libbpf_rs::AsRawLibbpf;

use crate::kernel::libbpf_log;
use crate::kernel::syscall::BtfMapping;

/// A BTF file in memory. Since Linux 6.16 the file of the kernel can be mapped, which avoids a copy.
pub enum Contents {
    Mapped(BtfMapping),
    Copied(Vec<u8>),
}

impl Contents {
    /// Maps a file or, where that is not possible, reads it.
    ///
    /// # Errors
    ///
    /// When it cannot be read.
    pub fn of(path: &str) -> io::Result<Contents> {
        let mut file = File::open(path)?;
        if let Ok(mapping) = BtfMapping::of(&file) {
            return Ok(Contents::Mapped(mapping));
        }
        let mut copy = Vec::new();
        file.read_to_end(&mut copy)?;
        Ok(Contents::Copied(copy))
    }

    /// Reads the kernel's types from the files in which libbpf searches for them, such as
    /// /boot/vmlinux-RELEASE.
    pub fn found_by_libbpf() -> Option<Contents> {
        libbpf_log::capture();
        let btf = Btf::from_vmlinux().ok()?;
        let mut size = 0;
        // SAFETY: the pointer refers to a live object, and libbpf writes one number to `size`.
        let data = unsafe { libbpf_sys::btf__raw_data(btf.as_libbpf_object().as_ptr(), &mut size) };
        if data.is_null() {
            return None;
        }
        // SAFETY: libbpf returns a buffer of this size, which lives as long as the object.
        let bytes = unsafe { slice::from_raw_parts(data.cast::<u8>(), size as usize) };
        Some(Contents::Copied(bytes.to_vec()))
    }
}

impl Deref for Contents {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Contents::Mapped(mapping) => mapping,
            Contents::Copied(copy) => copy,
        }
    }
}
