//! Errors about the directory of the pins.

use std::io;
use std::path::Path;

use crate::error::{with_remedy, Error};
use crate::text::escaped;

/// The error for a step that failed.
pub fn failed(path: &Path, what: &str, error: &io::Error) -> Error {
    let remedy = match error.kind() {
        io::ErrorKind::PermissionDenied => " (run it as root, outside of containers)",
        io::ErrorKind::ResourceBusy => " (unmount what is mounted in it)",
        _ => "",
    };
    Error::Pinning(shown(path), format!("{what}: {}{remedy}", with_remedy(error)))
}

/// The path, for messages.
pub fn shown(path: &Path) -> String {
    escaped(path.as_os_str().as_encoded_bytes())
}
