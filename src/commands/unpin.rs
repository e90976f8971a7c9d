//! `knetstat unpin`: takes away everything that `knetstat pin` has made.

use std::io::{self, Write};
use std::path::Path;

use super::pin::check_caller;
use super::pin::directory::{remove_empty, Directory};
use super::pin::place::Place;
use super::stdout;
use crate::error::Error;
use crate::text::escaped;

/// Removes the pins, the file system that knetstat has mounted for them, and the directory.
///
/// # Errors
///
/// When the directory is in use for something else, or the kernel refuses.
pub fn run(path: &Path) -> Result<(), Error> {
    check_caller(path)?;
    let place = escaped(path.as_os_str().as_encoded_bytes());
    let done = match path.symlink_metadata() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            format!("nothing is pinned in {place}")
        }
        _ => remove(path, &place)?,
    };
    let mut out = stdout()?;
    writeln!(out, "{done}").and_then(|()| out.flush()).map_err(Error::Output)
}

/// Returns what was done.
fn remove(path: &Path, place: &str) -> Result<String, Error> {
    let checked = Place::check(path)?;
    match Directory::open(&checked)? {
        Some(directory) => Ok(match directory.remove()? {
            true => format!("removed {place} and its pins"),
            false => format!("removed the pins in {place}, but not other files"),
        }),
        // A run of `knetstat pin` ended before it mounted the file system.
        None if remove_empty(checked.path())? => Ok(format!("removed {place}, which was empty")),
        None => {
            let why =
                "it is not a directory of pins (name the directory of `knetstat pin` with --dir)";
            Err(Error::Pinning(place.to_owned(), why.into()))
        }
    }
}
