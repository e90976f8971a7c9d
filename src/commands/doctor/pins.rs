//! The check of the pins, from which users without privileges read sockets.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::check::{as_root, Check, Problem};
use crate::error::PinsError;
use crate::host::groups;
use crate::kernel::capability;
use crate::kernel::family::Family;
use crate::kernel::pins::{current, Set, CURRENT, DIRECTORY, RECORDS};
use crate::kernel::programs::{Program, Subject, When, PROGRAMS};
use crate::text::escaped;
use crate::text::suggest::listed;

pub const NAME: &str = "pins";

/// What the pins are, and whether this user and this program can read them.
pub fn check() -> (Check, bool) {
    let directory = Path::new(DIRECTORY);
    let set = current(directory).and_then(|name| Set::open(directory, &name));
    match set.and_then(|set| Ok((set.version()?, set))) {
        Ok((version, set)) => described(&version, &set),
        Err(PinsError::None) => {
            let what = "none in /run/knetstat, so that knetstat requires capabilities";
            (Check::ok(NAME, what), false)
        }
        Err(PinsError::Denied) => {
            let text = format!("in {DIRECTORY}, which only {} may read", readers(directory));
            (Check::note(NAME, text), false)
        }
        Err(error) => (Check::unknown(NAME, format!("{DIRECTORY}: {error}"), remedy()), false),
    }
}

fn described(version: &str, set: &Set) -> (Check, bool) {
    let (number, records) = version.split_once(' ').unwrap_or((version, ""));
    let place = format!("in {DIRECTORY}, of knetstat {}", escaped(number.as_bytes()));
    if records != RECORDS {
        let why = format!("the pins {place}, have other records than this knetstat");
        let what = "knetstat without privileges";
        return (Check::missing(NAME, Problem::new(what, why, remedy())), false);
    }
    let with = match PROGRAMS.iter().any(|it| it.subject == Subject::Owners && set.has(it)) {
        true => "with",
        false => "without",
    };
    let missing = PROGRAMS.iter().filter(|it| is_of_family(it) && !set.has(it));
    let missing: BTreeSet<Family> = missing.filter_map(Program::family).collect();
    if !missing.is_empty() {
        let titles: Vec<&str> = missing.into_iter().map(Family::title).collect();
        let what = format!("{} sockets", listed(&titles, "and"));
        let why = format!("not among the pins {place}");
        let check = Check::missing(NAME, Problem::new(what, why, remedy()));
        // Who may load programs reads none of the pins.
        return (Check { needed: !capability::may_load_on_host(), ..check }, true);
    }
    let readers = readers(Path::new(DIRECTORY));
    let locking = match set.locking() {
        names if names.is_empty() => names,
        names => format!(". Read with the lock of each socket: {names}"),
    };
    let text = format!("{place}: every family, {with} processes, readable by {readers}{locking}");
    (Check::ok(NAME, text), true)
}

/// Whether the program reports the sockets of a family and can be pinned on every kernel.
fn is_of_family(program: &Program) -> bool {
    program.family().is_some() && matches!(program.when, When::Always | When::NoWalk)
}

/// Who may read the pins in a directory.
fn readers(directory: &Path) -> String {
    // The mode of the directory may be that of an administrator.
    let found = fs::metadata(directory.join(CURRENT)).or_else(|_| fs::metadata(directory));
    let Ok(directory) = found else { return "root".into() };
    match directory.mode() & 0o044 {
        0 => "root".into(),
        0o040 => format!("root and the group {}", groups::shown(directory.gid())),
        _ => "all users".into(),
    }
}

fn remedy() -> String {
    format!("make them again: {}", as_root("knetstat pin"))
}
