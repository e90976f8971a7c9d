//! Reading from pins, which requires no privileges: whether, and which.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::config::Config;
use crate::error::{Error, LoadError, PinsError};
use crate::host::groups;
use crate::kernel::capability;
use crate::kernel::pins::{command_to_make, Pins, CURRENT, DIRECTORY};
use crate::kernel::program_set::Programs;
use crate::kernel::request::Request;
use crate::text::escaped;

/// Opens the pins of a run: those of `--pins` or, if this process may not load programs, those of [`DIRECTORY`]. `None`
/// if the run has to load programs, also to fail with the reason why it may not.
///
/// # Errors
///
/// When pins that were asked for cannot be read, when those of [`DIRECTORY`] are of another version, or when more than one
/// network namespace is to be read.
pub fn open(
    config: &Config,
    requests: &[&Request],
    netns_is_one: bool,
) -> Result<Option<Pins>, Error> {
    let directory = match &config.pins {
        Some(directory) => directory,
        None if capability::may_load_on_host() || !netns_is_one => return Ok(None),
        None => Path::new(DIRECTORY),
    };
    let place = escaped(directory.as_os_str().as_encoded_bytes());
    let failed = |error: PinsError| {
        let sentence = error.sentence(&command_to_make(&place));
        Err(Error::Pins(place.clone(), sentence))
    };
    if !netns_is_one {
        return failed(PinsError::OneNetns);
    }
    let programs = requests.iter().flat_map(|request| Programs::pinned_for(request));
    match Pins::open(directory, &programs.collect::<Vec<_>>()) {
        Ok(pins) => Ok(Some(pins)),
        Err(error @ PinsError::Version(_)) => failed(error),
        Err(error) if config.pins.is_some() => failed(error),
        Err(PinsError::Denied) => Err(denied(directory)),
        Err(_) => Ok(None),
    }
}

/// The error for pins that only others may read: the missing capabilities, or the group to join.
fn denied(directory: &Path) -> Error {
    let error = match capability::check() {
        Err(LoadError::Capabilities { missing, how }) => {
            let how = how + &group_to_join(directory).unwrap_or_default();
            LoadError::Capabilities { missing, how }
        }
        Err(error) => error,
        Ok(()) => LoadError::Forbidden,
    };
    error.into()
}

/// The end of a remedy. `None` if no group may read the pins, or only that of root, which nobody should join.
fn group_to_join(directory: &Path) -> Option<String> {
    // The mode of the directory may be that of an administrator.
    let found = directory.join(CURRENT).metadata().or_else(|_| directory.metadata()).ok()?;
    if found.mode() & 0o040 == 0 || found.gid() == 0 {
        return None;
    }
    let (group, place) =
        (groups::shown(found.gid()), escaped(directory.as_os_str().as_encoded_bytes()));
    Some(format!(", or join the group {group}, which may read the pins in {place}"))
}
