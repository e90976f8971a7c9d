//! The capabilities that loading the programs requires, and how the program gets and drops them.

use caps::{CapSet, Capability};
use nix::errno::Errno;
use nix::sys::resource::{getrlimit, Resource, RLIM_INFINITY};
use nix::unistd::{getegid, geteuid, getgid, getuid, setresgid, setresuid};

use crate::error::{Error, LoadError};
use crate::kernel::btf::KernelBtf;
use crate::text::escaped;

/// The capabilities that loading an iterator requires: capabilities(7). CAP_SYS_ADMIN includes both.
pub const NEEDED: [Capability; 2] = [Capability::CAP_BPF, Capability::CAP_PERFMON];

/// Checks that this process has the capabilities that loading requires: the kernel would refuse
/// without naming them.
///
/// # Errors
///
/// [`LoadError::Capabilities`], which names those that are missing.
pub fn check() -> Result<(), LoadError> {
    if has(Capability::CAP_SYS_ADMIN) || NEEDED.into_iter().all(has) {
        return Ok(());
    }
    let missing = NEEDED.into_iter().filter(|capability| !has(*capability));
    let missing: Vec<String> = missing.map(|capability| capability.to_string()).collect();
    Err(LoadError::Capabilities { missing: missing.join(" and "), how: how_to_grant() })
}

/// Whether this process has a capability now; true where the kernel does not answer.
pub fn has(capability: Capability) -> bool {
    caps::has_cap(None, CapSet::Effective, capability).unwrap_or(true)
}

/// How a user gives this program the capabilities that it requires on this host.
pub fn how_to_grant() -> String {
    let program = std::env::current_exe().ok();
    let program = program.as_ref().map_or("knetstat".into(), |path| path.to_string_lossy());
    let third = memory_limit().map(|_| Capability::CAP_SYS_RESOURCE);
    let names = NEEDED.into_iter().chain(third);
    let names: Vec<String> = names.map(|name| name.to_string().to_lowercase()).collect();
    format!(
        "run it with sudo, or grant them once: sudo setcap {}=ep {}",
        names.join(","),
        escaped(program.as_bytes())
    )
}

/// The limit of locked memory in bytes, where this kernel counts the memory of BPF against it and
/// this process cannot raise it, as libbpf would. Kernels since 5.11 do not count it; libbpf detects
/// them by the same helper, in probe_memcg_account().
pub fn memory_limit() -> Option<u64> {
    let (soft, hard) = getrlimit(Resource::RLIMIT_MEMLOCK).ok()?;
    let is_fixed = hard != RLIM_INFINITY && !has(Capability::CAP_SYS_RESOURCE);
    let is_counted =
        || KernelBtf::load().is_some_and(|btf| !btf.has_helper("BPF_FUNC_ktime_get_coarse_ns"));
    (is_fixed && is_counted()).then_some(soft)
}

/// Gives up every capability, and the user and group that a file's set-ID bit gave. Reading iterators
/// that are open requires none.
///
/// # Errors
///
/// When the kernel refuses, which it should not.
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
