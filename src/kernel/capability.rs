//! The capabilities required to load the programs: how to check, grant and drop them.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use caps::{CapSet, Capability};
use nix::errno::Errno;
use nix::sys::resource::{getrlimit, Resource, RLIM_INFINITY};
use nix::unistd::{getegid, geteuid, getgid, getuid, setresgid, setresuid};

use crate::error::{Error, LoadError};
use crate::kernel::btf::KernelBtf;
use crate::text::escaped;

/// The capabilities that loading an iterator requires: capabilities(7). CAP_SYS_ADMIN includes both.
pub const NEEDED: [Capability; 2] = [Capability::CAP_BPF, Capability::CAP_PERFMON];

/// USER_NS_INIT_INO, and before that PROC_USER_INIT_INO, of the kernel's headers: the initial user namespace.
const FIRST_USER_NAMESPACE: u64 = 0xEFFF_FFFD;

/// Whether this process has the capabilities required to load programs, perhaps only in a user namespace.
fn may_load() -> bool {
    has(Capability::CAP_SYS_ADMIN) || NEEDED.into_iter().all(has)
}

/// Whether this process has the capabilities required to load programs, as [`has_on_host`].
pub fn may_load_on_host() -> bool {
    has_on_host(Capability::CAP_SYS_ADMIN) || NEEDED.into_iter().all(has_on_host)
}

/// Checks that this process has the capabilities required to load programs. The kernel would refuse
/// without naming the missing ones.
///
/// # Errors
///
/// [`LoadError::Capabilities`], which names the missing capabilities.
pub fn check() -> Result<(), LoadError> {
    if may_load() {
        return Ok(());
    }
    let missing = NEEDED.into_iter().filter(|capability| !has(*capability));
    let missing: Vec<String> = missing.map(|capability| capability.to_string()).collect();
    Err(LoadError::Capabilities { missing: missing.join(" and "), how: how_to_read() })
}

/// Whether a capability of this process is effective. True if the kernel does not answer.
pub fn has(capability: Capability) -> bool {
    caps::has_cap(None, CapSet::Effective, capability).unwrap_or(true)
}

/// Whether this process has a capability, and not only in a user namespace.
pub fn has_on_host(capability: Capability) -> bool {
    has(capability) && is_in_first_user_namespace()
}

/// Whether this process is in the initial user namespace. True if there is no file for it, because /proc
/// is missing or the kernel has no user namespaces.
fn is_in_first_user_namespace() -> bool {
    let namespace = fs::metadata("/proc/self/ns/user");
    namespace.map_or(true, |namespace| namespace.ino() == FIRST_USER_NAMESPACE)
}

/// Returns what lets a user without capabilities read sockets on this host.
pub fn how_to_read() -> String {
    format!("{}, or let a group read pins: `sudo knetstat pin`", how_to_grant())
}

/// Returns how a user grants this program the capabilities that it requires on this host.
pub fn how_to_grant() -> String {
    let third = memory_limit().map(|_| Capability::CAP_SYS_RESOURCE);
    let names = NEEDED.into_iter().chain(third);
    let names: Vec<String> = names.map(|name| name.to_string().to_lowercase()).collect();
    let (sudo, program) = (how_to_sudo(), escaped(path().as_os_str().as_encoded_bytes()));
    format!("{sudo}, or grant them once: `sudo setcap {}=ep {program}`", names.join(","))
}

/// Returns how a user runs this program with sudo(8), which finds it by name only in the system
/// directories.
pub fn how_to_sudo() -> String {
    how_to_sudo_with("")
}

/// The same with these arguments, each with a blank before it.
pub fn how_to_sudo_with(arguments: &str) -> String {
    const SYSTEM: [&str; 4] = ["/usr/bin", "/usr/sbin", "/usr/local/bin", "/usr/local/sbin"];
    let path = path();
    let is_found = path.parent().is_some_and(|parent| SYSTEM.map(Path::new).contains(&parent));
    match path.file_name().filter(|_| is_found) {
        Some(name) => format!("run `sudo {}{arguments}`", escaped(name.as_encoded_bytes())),
        None => format!("run `sudo {}{arguments}`", escaped(path.as_os_str().as_encoded_bytes())),
    }
}

/// The path of this program.
fn path() -> PathBuf {
    std::env::current_exe().unwrap_or_else(|_| "knetstat".into())
}

/// The limit of locked memory in bytes, if this kernel charges BPF memory to it and this process cannot
/// raise it, as libbpf would. Kernels since 5.11 do not charge it. libbpf detects them by the same
/// helper, in probe_memcg_account().
pub fn memory_limit() -> Option<u64> {
    let (soft, hard) = getrlimit(Resource::RLIMIT_MEMLOCK).ok()?;
    let is_fixed = hard != RLIM_INFINITY && !has(Capability::CAP_SYS_RESOURCE);
    let is_counted =
        || KernelBtf::load().is_some_and(|btf| !btf.has_helper("BPF_FUNC_ktime_get_coarse_ns"));
    (is_fixed && is_counted()).then_some(soft)
}

/// Keeps only the capabilities that opening iterators again requires, to wait for a socket: in the network
/// namespace of the program or, if `is_one` is false, in others too, which have to be found and entered. Labels of
/// sockets are read through descriptors of other processes.
///
/// # Errors
///
/// When the kernel refuses, which is not expected.
pub fn keep_for_reading(is_one: bool, reads_labels: bool) -> Result<(), Error> {
    use Capability::{CAP_BPF, CAP_NET_ADMIN, CAP_NET_RAW, CAP_SYS_ADMIN, CAP_SYS_PTRACE};
    let refused = |error: caps::errors::CapsError| Error::DropCapabilities(error.to_string());
    let mut kept = vec![CAP_BPF, CAP_NET_RAW];
    if !is_one {
        kept.extend([CAP_SYS_ADMIN, CAP_SYS_PTRACE, CAP_NET_ADMIN]);
    } else if !has(CAP_BPF) {
        kept.push(CAP_SYS_ADMIN);
    }
    kept.extend(reads_labels.then_some(CAP_SYS_PTRACE));
    let effective = caps::read(None, CapSet::Effective).map_err(refused)?;
    let kept = kept.into_iter().filter(|capability| effective.contains(capability)).collect();
    for set in [CapSet::Ambient, CapSet::Inheritable] {
        caps::clear(None, set).map_err(refused)?;
    }
    for set in [CapSet::Effective, CapSet::Permitted] {
        caps::set(None, set, &kept).map_err(refused)?;
    }
    Ok(())
}

/// Drops every capability, and the user and group IDs that the set-ID bits of the file granted. Reading
/// open iterators requires no privileges.
///
/// # Errors
///
/// When the kernel refuses, which is not expected.
pub fn drop_all() -> Result<(), Error> {
    let (uid, gid) = (getuid(), getgid());
    let refused = |errno: Errno| Error::DropCapabilities(errno.to_string());
    if getegid() != gid {
        setresgid(gid, gid, gid).map_err(refused)?;
    }
    if geteuid() != uid {
        setresuid(uid, uid, uid).map_err(refused)?;
    }
    for set in [CapSet::Ambient, CapSet::Inheritable, CapSet::Effective, CapSet::Permitted] {
        caps::clear(None, set).map_err(|error| Error::DropCapabilities(error.to_string()))?;
    }
    Ok(())
}
