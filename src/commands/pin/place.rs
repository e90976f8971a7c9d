//! The place of the pins: a path that only root can lead elsewhere.

use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nix::errno::Errno;

use super::failure::{failed, shown};
use crate::error::Error;

/// A canonical path of a directory that may not exist yet. Root alone can rename or replace a component of it, so that
/// it leads to the same directory whenever it is resolved.
#[derive(Clone, Debug)]
pub struct Place(PathBuf);

impl Place {
    /// Checks a path, which may be relative.
    ///
    /// # Errors
    ///
    /// When the directory is a symbolic link, or when a user other than root can replace it or a parent.
    pub fn check(path: &Path) -> Result<Place, Error> {
        let Some(name) = path.file_name() else {
            return Err(unfit(path, "the path does not end in a name (name a directory)"));
        };
        let parent = match path.parent() {
            Some(parent) if parent != Path::new("") => parent,
            _ => Path::new("."),
        };
        let parent = parent.canonicalize();
        let parent = parent.map_err(|error| refused(path, "cannot find the parent", &error))?;
        // From the root downwards: nobody else can change what has been checked.
        let mut parents: Vec<&Path> = parent.ancestors().collect();
        parents.reverse();
        for parent in parents {
            let found = found(path, parent)?.ok_or_else(|| changed(path))?;
            if !found.is_dir() && !found.is_symlink() {
                return Err(unfit(
                    path,
                    &format!("{} is not a directory (name another)", shown(parent)),
                ));
            }
            // Others cannot rename what root owns in a directory with the sticky bit: inode(7).
            if !is_of_root(&found) || is_writable(&found) && found.mode() & 0o1000 == 0 {
                return Err(unsafe_at(path, parent));
            }
        }
        let whole = parent.join(name);
        match found(path, &whole)? {
            Some(found) if found.is_symlink() => {
                Err(unfit(path, "it is a symbolic link (name the directory itself)"))
            }
            Some(found) if !found.is_dir() => {
                Err(unfit(path, "it is not a directory (name a directory)"))
            }
            Some(found) if !is_of_root(&found) || is_writable(&found) => {
                Err(unsafe_at(path, &whole))
            }
            _ => Ok(Place(whole)),
        }
    }

    pub fn path(&self) -> &Path {
        &self.0
    }
}

/// What is there, without following a symbolic link.
fn found(place: &Path, path: &Path) -> Result<Option<Metadata>, Error> {
    match fs::symlink_metadata(path) {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(refused(place, "cannot examine the path", &error)),
    }
}

/// The error for a path that cannot be looked up.
fn refused(path: &Path, what: &str, error: &io::Error) -> Error {
    // Permissions are refused with EACCES.
    let is_name = error.raw_os_error() == Some(Errno::EPERM as i32);
    match is_name && path.as_os_str().as_encoded_bytes().contains(&b'.') {
        true => unfit(path, "a name in a BPF file system contains no dot (use another name)"),
        false => failed(path, what, error),
    }
}

/// A symbolic link is no directory: it has replaced one since the path was resolved.
fn is_of_root(found: &Metadata) -> bool {
    found.is_dir() && found.uid() == 0
}

fn is_writable(found: &Metadata) -> bool {
    found.mode() & 0o022 != 0
}

fn changed(path: &Path) -> Error {
    unfit(path, "a parent has just been renamed (run it again)")
}

fn unsafe_at(place: &Path, at: &Path) -> Error {
    let at = shown(at);
    let why = format!(
        "users other than root can change {at} (name a directory that only root can write to)"
    );
    unfit(place, &why)
}

fn unfit(path: &Path, why: &str) -> Error {
    Error::Pinning(shown(path), why.into())
}
