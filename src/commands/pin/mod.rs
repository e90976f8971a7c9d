//! `knetstat pin`: makes files from which users without privileges read sockets. src/kernel/pins.rs describes them.

pub mod access;
pub mod directory;
mod failure;
mod mount;
pub mod place;

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::os::unix::fs::{symlink, MetadataExt};
use std::path::Path;

use super::stdout;
use crate::cli;
use crate::config::permits_walks;
use crate::error::{Error, LoadError};
use crate::host::{groups, Host};
use crate::kernel::capability;
use crate::kernel::family::Family;
use crate::kernel::load::Loader;
use crate::kernel::module::{self, Text};
use crate::kernel::pins::{in_words, version, DIRECTORY, LACKING, LOCKING, VERSION};
use crate::kernel::program_set::{self, Programs};
use crate::kernel::programs::{Program, Subject};
use crate::kernel::request::Request;
use crate::kernel::shared::Shared;
use crate::kernel::syscall;
use crate::query::lost::lacking;
use crate::text::escaped;
use crate::text::suggest::listed;
use access::Access;
use directory::{Directory, Existing, SINGLE};
use failure::{failed, shown};
use place::Place;

/// Who may read pins that are new.
const DEFAULT: Access = Access { gid: 0, mode: 0o440 };

/// What to pin, and for whom. What is `None` is as it was, or the default if nothing was pinned.
pub struct Wanted<'a> {
    pub group: Option<&'a str>,
    pub mode: Option<u32>,
    pub with_owners: bool,
}

/// Pins the programs, replaces the pins of an earlier run, and says what was done.
///
/// # Errors
///
/// When the group does not exist, when the programs cannot be loaded or pinned, or when some of them are missing.
pub fn run(path: &Path, wanted: &Wanted) -> Result<(), Error> {
    check_caller(path)?;
    let gid = wanted.group.map(groups::parse).transpose();
    let gid = gid.map_err(|why| cli::wrong("--group", &why))?;
    let place = Place::check(path)?;
    if place.path().to_str().is_none() {
        let why = "the path is not UTF-8 (name another directory)";
        return Err(Error::Pinning(shown(path), why.into()));
    }
    let existing = Existing::find(&place);
    let old = existing.map_or(DEFAULT, |it| it.access);
    let access = Access { gid: gid.unwrap_or(old.gid), mode: wanted.mode.unwrap_or(old.mode) };
    let owners = wanted.with_owners || existing.is_some_and(|it| it.owners);
    let loader = Loader::new().with_walks(false);
    let mut programs = loader.load(&request(owners)).map_err(as_root)?;
    let lacking = loader.btf().map(lacking).unwrap_or_default().join(" ");
    let walking = Loader::new().with_walks(permits_walks());
    let mut walks = walking.load_shared(&request(owners));
    let (texts, mut missing) = texts(&walking)?;
    let (locking, unlocked) = by_locks(&programs, &walks, &texts);
    let directory = Directory::make(&place, access, existing.map(|it| it.access))?;
    let is_mounted = directory.is_mounted();
    let links = [(LACKING, lacking), (LOCKING, locking.join(" "))];
    let filled = directory.make_set().and_then(|set| {
        let path = directory.path().join(&set);
        let pinned = fill((&mut programs, &mut walks), &path, &links, access)?;
        directory.publish(&set, access)?;
        Ok(pinned)
    });
    let pinned = match filled {
        Ok(pinned) => pinned,
        Err(error) => {
            directory.abandon(access);
            return Err(error);
        }
    };
    let names: Vec<&str> = texts.iter().map(|(name, _)| *name).collect();
    for (name, mut text) in texts {
        directory.replace(name, access, |path| program_set::pin(&mut text.link, path))?;
    }
    // A reader of the report that does not read holds up no other process.
    drop(directory);
    let locks = (in_words(unlocked.into_iter()), in_words(locking.into_iter()));
    report(&place, is_mounted, (&pinned, &names), locks, access, &kept(wanted, existing))?;
    missing.extend(programs.missing());
    match missing.is_empty() {
        true => Ok(()),
        false => Err(Error::PinsIncomplete(missing.join("; missing "))),
    }
}

/// Says how to make the pins, instead of how to read sockets without them.
fn as_root(error: Error) -> Error {
    match error {
        Error::Load(LoadError::Capabilities { missing, .. }) => {
            LoadError::Capabilities { missing, how: capability::how_to_sudo_with(" pin") }.into()
        }
        error => error,
    }
}

/// The names of the pins whose readers take the lock of each socket, and of those that do without.
fn by_locks(
    programs: &Programs,
    walks: &[Shared],
    texts: &[Named],
) -> (Vec<&'static str>, Vec<&'static str>) {
    let of_programs = programs
        .with_locks()
        .map(|program| (program.name, !walks.iter().any(|walk| walk.replaces(program.name))));
    let of_texts = texts.iter().map(|(name, text)| (*name, text.takes_locks));
    let (locking, unlocked): (Vec<_>, Vec<_>) =
        of_programs.chain(of_texts).partition(|(_, takes_locks)| *takes_locks);
    let names = |pins: Vec<(&'static str, bool)>| pins.into_iter().map(|(name, _)| name).collect();
    (names(locking), names(unlocked))
}

/// What is as it was in the set before, in words.
fn kept(wanted: &Wanted, existing: Option<Existing>) -> Vec<&'static str> {
    let Some(existing) = existing else { return Vec::new() };
    let kept = [
        (wanted.group.is_none(), "the group"),
        (wanted.mode.is_none(), "the mode"),
        (existing.owners && !wanted.with_owners, "the processes"),
    ];
    kept.into_iter().filter(|(is_kept, _)| *is_kept).map(|(_, what)| what).collect()
}

/// Refuses to work for a user who could not do the same without this program.
///
/// # Errors
///
/// [`Error::Pinning`] with what to do.
pub fn check_caller(path: &Path) -> Result<(), Error> {
    match syscall::has_more_rights_than_caller() {
        false => Ok(()),
        true => {
            let why =
                "file capabilities and set-user-ID do not suffice (run it as root or with sudo)";
            Err(Error::Pinning(escaped(path.as_os_str().as_encoded_bytes()), why.into()))
        }
    }
}

/// Everything that pins can show: sockets of every family and state with all sections, in the network namespace of the
/// reader.
fn request(owners: bool) -> Request {
    Request { owners, tasks: false, every_netns: false, ..Request::everything() }
}

/// A file beside the set, by its name.
type Named = (&'static str, Text);

/// The files beside the set, and those that this kernel refuses, each with the reason.
fn texts(loader: &Loader) -> Result<(Vec<Named>, Vec<String>), Error> {
    let hz = Host::new(None)?.hz;
    let (mut loaded, mut missing) = (Vec::new(), Vec::new());
    for name in SINGLE {
        match module::load(loader, name, hz) {
            Ok(text) => loaded.push((name, text)),
            Err(error) => missing.push(format!("{name}: {}", error.sentence())),
        }
    }
    Ok((loaded, missing))
}

/// Fills the directory of a set, and then lets others in.
fn fill(
    (programs, walks): (&mut Programs, &mut [Shared]),
    set: &Path,
    links: &[(&str, String)],
    access: Access,
) -> Result<Vec<&'static Program>, Error> {
    let pinned = programs.pin(walks, |program| set.join(program.name));
    let pinned = pinned.map_err(|error: LoadError| {
        Error::Pinning(escaped(set.as_os_str().as_encoded_bytes()), error.sentence())
    })?;
    let finish = || -> io::Result<()> {
        pinned.iter().try_for_each(|(_, path)| access.give_file(path))?;
        symlink(version(), set.join(VERSION))?;
        for (name, target) in links.iter().filter(|(_, target)| !target.is_empty()) {
            symlink(target, set.join(name))?;
        }
        access.give_directory(set)
    };
    finish().map_err(|error| failed(set, "cannot finish the set", &error))?;
    Ok(pinned.into_iter().map(|(program, _)| program).collect())
}

/// What is wrong with pins in a mount namespace of their own. `ip netns exec` makes one.
const HIDDEN: &str = "only processes in this mount namespace see them (run it outside of `ip netns exec`: pins show \
    the network namespace of their reader)";

/// Who can read the pins in this directory.
fn readers(path: &Path, access: Access) -> String {
    let mode = access.mode;
    match (access.others(), access.obstacle(path)) {
        (None, _) => format!("readable by root (mode {mode:04o})"),
        (Some(others), None) => match mode {
            0o444 => format!("readable by {others} (mode {mode:04o})"),
            _ => format!("readable by root and {others} (mode {mode:04o})"),
        },
        (Some(others), Some((at, found))) => format!(
            "readable by root, but not by {others}: {} has the mode {:04o} and the group {} (change one of these)",
            shown(&at),
            found.mode() & 0o7777,
            groups::shown(found.gid())
        ),
    }
}

/// Says what was done, in a line each.
fn report(
    place: &Place,
    is_mounted: bool,
    (pinned, texts): (&[&Program], &[&str]),
    (unlocked, locking): (String, String),
    access: Access,
    kept: &[&str],
) -> Result<(), Error> {
    let path = shown(place.path());
    let families: BTreeSet<Family> = pinned.iter().filter_map(|it| it.family()).collect();
    let titles: Vec<&str> = families.into_iter().map(Family::title).collect();
    let lines = [
        is_mounted.then(|| format!("mounted a BPF file system at {path}")),
        Some(format!("pinned in {path}: {} sockets", listed(&titles, "and"))),
        (!texts.is_empty()).then(|| format!("pinned in {path}: {}, as text", listed(texts, "and"))),
        Some(match pinned.iter().any(|it| it.subject == Subject::Owners) {
            true => format!("pinned in {path}: the processes that hold sockets"),
            false => "not pinned: the processes that hold sockets (--with-owners)".into(),
        }),
        (!unlocked.is_empty()).then(|| format!("read without the lock of any socket: {unlocked}")),
        (!locking.is_empty()).then(|| format!("read with the lock of each socket: {locking}")),
        Some(readers(place.path(), access)),
        mount::is_hidden(place.path()).then(|| HIDDEN.into()),
        (!kept.is_empty()).then(|| {
            let unpin = match place.path() == Path::new(DIRECTORY) {
                true => "knetstat unpin".into(),
                false => format!("knetstat unpin --dir {path}"),
            };
            format!("kept from the pins before: {} (`{unpin}` forgets them)", listed(kept, "and"))
        }),
    ];
    let mut out = stdout()?;
    let written = lines.iter().flatten().try_for_each(|line| writeln!(out, "{line}"));
    written.and_then(|()| out.flush()).map_err(Error::Output)
}
