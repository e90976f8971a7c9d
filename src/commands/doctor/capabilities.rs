//! Checks of what this process is permitted to do.

use caps::{CapSet, Capability};
use nix::sys::resource::{getrlimit, Resource};
use nix::sys::statvfs::{statvfs, FsFlags};

use super::check::{as_root, Check, Problem, TABLE};
use crate::error::MORE_FILES;
use crate::kernel::capability::{self, has_on_host, NEEDED};
use crate::text::suggest::listed;

/// The remedy for root in a user namespace, whose capabilities do not suffice.
const LEAVE: &str = "run it outside of the user namespace, on the host";

/// Checks the capabilities, and the memory limit that CAP_SYS_RESOURCE lifts.
pub fn checks() -> Vec<Check> {
    let mut checks: Vec<Check> = NEEDED.map(needed).into();
    checks.extend(check_all(
        &[Capability::CAP_NET_RAW],
        "raw sockets of other PID namespaces, and which options are set on raw, packet and XDP sockets",
    ));
    checks.extend(match has_on_host(Capability::CAP_SYS_ADMIN) {
        false => check_all(&NAMESPACES, "--netns and --all-netns"),
        true => {
            let mut checks = check_all(&NAMESPACES[..1], "--netns and --all-netns");
            checks.extend(check_all(&NAMESPACES[1..], "some namespaces of --all-netns"));
            checks
        }
    });
    checks.push(memory_limit());
    checks
}

/// The capabilities that finding and entering network namespaces requires. The first is required in any
/// case.
const NAMESPACES: [Capability; 3] =
    [Capability::CAP_SYS_ADMIN, Capability::CAP_SYS_PTRACE, Capability::CAP_NET_ADMIN];

fn needed(which: Capability) -> Check {
    match !has_on_host(which) && has_on_host(Capability::CAP_SYS_ADMIN) {
        true => Check::ok(&which.to_string(), "not held, but CAP_SYS_ADMIN includes it"),
        false => check(which, &NEEDED, TABLE),
    }
    .needed()
}

fn check_all(capabilities: &[Capability], what: &str) -> Vec<Check> {
    capabilities.iter().map(|which| check(*which, capabilities, what)).collect()
}

/// Checks one of the capabilities that a feature requires.
fn check(which: Capability, all: &[Capability], what: &str) -> Check {
    match has_on_host(which) {
        true => Check::ok(&which.to_string(), "held"),
        false => Check::missing(&which.to_string(), lack(all, what)),
    }
}

/// Returns the problem that some of these capabilities are not held, with its remedy.
pub fn lack(all: &[Capability], what: &str) -> Problem {
    let lacking: Vec<Capability> =
        all.iter().copied().filter(|which| !has_on_host(*which)).collect();
    let names = listed(&lacking.iter().map(Capability::to_string).collect::<Vec<_>>(), "and");
    let are = if lacking.len() == 1 { "is" } else { "are" };
    if lacking.iter().copied().all(capability::has) {
        return Problem::new(what, format!("{names} {are} held in a user namespace only"), LEAVE);
    }
    Problem::new(what, format!("{names} {are} not held"), remedy(&lacking, what == TABLE))
}

/// Whether sudo(8) or a file capability can give this process a capability.
fn can_get(capability: Capability) -> bool {
    caps::has_cap(None, CapSet::Bounding, capability).unwrap_or(true)
}

fn remedy(lacking: &[Capability], is_needed: bool) -> String {
    match lacking.iter().copied().all(can_get) {
        true if is_needed && can_be_granted() => capability::how_to_read(),
        true => capability::how_to_sudo(),
        false => {
            let names = lacking.iter().map(Capability::to_string);
            let added =
                names.clone().map(|name| format!(" --cap-add {}", name.replace("CAP_", "")));
            format!(
                "start the container with `{}`, the service with `CapabilityBoundingSet={}`",
                added.collect::<String>().trim_start(),
                names.collect::<Vec<_>>().join(" ")
            )
        }
    }
}

/// Whether capabilities of the program's file have an effect, which the mount option nosuid prevents:
/// mount(8).
fn can_be_granted() -> bool {
    let place = std::env::current_exe().ok().and_then(|path| statvfs(&path).ok());
    place.is_none_or(|place| !place.flags().contains(FsFlags::ST_NOSUID))
}

/// Returns how this user raises the limit of open files. Only root can raise the hard limit, and not in
/// every container.
pub fn more_files() -> String {
    const ENOUGH: u64 = 1024;
    const RAISES: Capability = Capability::CAP_SYS_RESOURCE;
    match getrlimit(Resource::RLIMIT_NOFILE) {
        Ok((_, hard)) if hard < ENOUGH && !capability::has(RAISES) => match can_get(RAISES) {
            true => format!("raise the limit: {}", as_root("prlimit --nofile=1024 --pid $$")),
            false => "start the container with `--ulimit nofile=1024`, the service with \
                      `LimitNOFILE=1024`"
                .into(),
        },
        _ => MORE_FILES.into(),
    }
}

/// Checks whether the limit of locked memory applies to BPF.
fn memory_limit() -> Check {
    const NAME: &str = "memory limit";
    match capability::memory_limit() {
        None => Check::ok(NAME, "does not apply to BPF"),
        Some(limit) => Check::unknown(
            NAME,
            format!("{} KiB may be locked, which may not suffice", limit / 1024),
            "grant CAP_SYS_RESOURCE too, or raise the limit as root: `ulimit -l unlimited`",
        ),
    }
}
