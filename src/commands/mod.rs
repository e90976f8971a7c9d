//! The commands: each puts together what the other folders offer.

pub mod completions;
pub mod doctor;
pub mod options;
pub mod table;

use std::fs::File;
use std::io::{self, BufWriter};
use std::os::fd::AsFd;

use anyhow::Context;

/// The standard output with a buffer of a size that is worth a system call.
fn stdout() -> anyhow::Result<BufWriter<File>> {
    let fd = io::stdout().as_fd().try_clone_to_owned().context("cannot write the output")?;
    Ok(BufWriter::with_capacity(128 * 1024, File::from(fd)))
}
