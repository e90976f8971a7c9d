//! Checks of the kernel, and of what this process may ask of it.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use caps::Capability;
use nix::errno::Errno;

use super::check::{Check, MOUNT_PROC, REPORT, SUDO};
use crate::error::{is_too_many_files, MORE_FILES};
use crate::kernel::btf::{KernelBtf, KERNEL_BTF};
use crate::kernel::capability::{self, NEEDED};
use crate::kernel::syscall;
use crate::text::escaped;

/// Checks the kernel, and the capabilities of this process.
pub fn checks(types: Option<&KernelBtf>) -> Vec<Check> {
    let mut checks = vec![kernel(), proc(), sys(), btf(types), bpf(), lockdown(), unprivileged()];
    checks.extend(NEEDED.map(needed_capability));
    checks.extend(WANTED.map(|(which, lost)| capability(which, lost, SUDO)));
    checks.push(memory_limit());
    checks
}

/// Checks in which namespaces this process is.
pub fn namespaces() -> [Check; 2] {
    [pid_namespace(), network_namespace()]
}

fn kernel() -> Check {
    const NAME: &str = "kernel";
    match nix::sys::utsname::uname() {
        Ok(name) => {
            let words = [name.sysname(), name.release(), name.machine()];
            Check::ok(NAME, words.map(|word| escaped(word.as_encoded_bytes())).join(" "))
        }
        Err(error) => Check::unknown(NAME, format!("uname(2) says: {}", error.desc()), REPORT),
    }
}

fn proc() -> Check {
    const NAME: &str = "/proc";
    const LOST: &str = "not mounted: what raw sockets have set is unknown";
    match Path::new("/proc/self/stat").exists() {
        true => Check::ok(NAME, "mounted"),
        false => Check::missing(NAME, LOST, MOUNT_PROC),
    }
}

fn sys() -> Check {
    const NAME: &str = "/sys";
    const LOST: &str = "not mounted: the kernel tells its types there";
    match Path::new("/sys/kernel").exists() {
        true => Check::ok(NAME, "mounted"),
        false => Check::missing(NAME, LOST, "'mount -t sysfs sysfs /sys'"),
    }
}

/// The kernel's types: libbpf also looks for them in the kernel's own file, btf__load_vmlinux_btf().
fn btf(btf: Option<&KernelBtf>) -> Check {
    const NAME: &str = "BTF";
    match (btf.is_some(), Path::new(KERNEL_BTF).exists()) {
        (true, true) => Check::ok(NAME, format!("{KERNEL_BTF} tells the kernel's types")),
        (true, false) => Check::ok(NAME, "the file of the kernel tells its types"),
        (false, true) => match fs::File::open(KERNEL_BTF) {
            Err(error) if is_too_many_files(&error) => {
                Check::missing(NAME, "not read: too many open files", MORE_FILES)
            }
            _ => Check::missing(
                NAME,
                format!("{KERNEL_BTF} cannot be read"),
                "make it readable for everybody, as it is on other hosts",
            ),
        },
        (false, false) => Check::missing(
            NAME,
            format!("there is no {KERNEL_BTF}"),
            "mount /sys, or use a kernel that is built with CONFIG_DEBUG_INFO_BTF",
        ),
    }
    .needed()
}

fn bpf() -> Check {
    const NAME: &str = "bpf(2)";
    let error = syscall::bpf_without_command();
    match error.raw_os_error().map(Errno::from_raw) {
        Some(Errno::ENOSYS) => Check::missing(
            NAME,
            "the kernel has no such system call",
            "use a kernel that is built with CONFIG_BPF_SYSCALL",
        ),
        // Some kernels and sandboxes forbid it only to those without the capabilities.
        Some(Errno::EPERM | Errno::EACCES) if !has_needed() => {
            Check::unknown(NAME, "forbidden to this user", "see CAP_BPF")
        }
        Some(Errno::EPERM | Errno::EACCES) => Check::missing(
            NAME,
            "forbidden, although the capabilities are there",
            "in a container, let its seccomp profile allow bpf(2)",
        ),
        _ => Check::ok(NAME, "the kernel has the call, and nothing forbids it"),
    }
    .needed()
}

/// security/lockdown/lockdown.c: `confidentiality` forbids LOCKDOWN_BPF_READ_KERNEL.
fn lockdown() -> Check {
    const NAME: &str = "lockdown";
    const FOLDER: &str = "/sys/kernel/security";
    let modes = fs::read_to_string(Path::new(FOLDER).join("lockdown"));
    let mode = modes.as_ref().ok().and_then(|text| text.split(['[', ']']).nth(1));
    let is_mounted = || fs::read_dir(FOLDER).is_ok_and(|mut entries| entries.next().is_some());
    match mode {
        Some("confidentiality") => Check::missing(
            NAME,
            "confidentiality: BPF may not read the kernel",
            "start the kernel without 'lockdown=confidentiality'",
        ),
        Some(mode) => Check::ok(NAME, format!("{}: BPF may read", escaped(mode.as_bytes()))),
        None if is_mounted() => Check::ok(NAME, "this kernel has none"),
        None => Check::unknown(
            NAME,
            format!("nothing is mounted at {FOLDER}"),
            format!("'mount -t securityfs securityfs {FOLDER}'"),
        ),
    }
    .needed()
}

/// Documentation/admin-guide/sysctl/kernel.rst; knetstat needs its capabilities in any case.
fn unprivileged() -> Check {
    const NAME: &str = "unprivileged BPF";
    const SYSCTL: &str = "kernel.unprivileged_bpf_disabled";
    match fs::read_to_string("/proc/sys/kernel/unprivileged_bpf_disabled") {
        Ok(value) => {
            let value = escaped(value.trim().as_bytes());
            let word = if value == "0" { "allowed" } else { "forbidden" };
            Check::ok(NAME, format!("{word} ({SYSCTL}={value})"))
        }
        Err(_) => Check::unknown(NAME, format!("{SYSCTL} cannot be read"), MOUNT_PROC),
    }
}

/// PROC_USER_INIT_INO and PROC_PID_INIT_INO of include/linux/proc_ns.h, which newer kernels call
/// USER_NS_INIT_INO and PID_NS_INIT_INO.
const FIRST_USER_NAMESPACE: u64 = 0xEFFF_FFFD;
const FIRST_PID_NAMESPACE: u64 = 0xEFFF_FFFC;

/// The inode of a namespace of this process.
fn namespace(name: &str) -> Option<u64> {
    fs::metadata(format!("/proc/self/ns/{name}")).ok().map(|namespace| namespace.ino())
}

/// Whether this process has a capability, not merely in a user namespace. Where there is no file for
/// that, there is no /proc or no such namespace.
fn has(capability: Capability) -> bool {
    let is_of_the_host = namespace("user").is_none_or(|inode| inode == FIRST_USER_NAMESPACE);
    capability::has(capability) && is_of_the_host
}

/// Whether this process has what loading the programs takes.
fn has_needed() -> bool {
    has(Capability::CAP_SYS_ADMIN) || NEEDED.into_iter().all(has)
}

/// Says that there is a capability, or else what is lost without it and how to get it.
fn capability(capability: Capability, lost: &str, remedy: &str) -> Check {
    let name = capability.to_string();
    match (has(capability), capability::has(capability)) {
        (true, _) => Check::ok(&name, "held"),
        (false, true) => Check::missing(
            &name,
            format!("held in a user namespace only: {lost}"),
            "run it outside of the user namespace",
        ),
        (false, false) => Check::missing(&name, format!("not held: {lost}"), remedy),
    }
}

fn needed_capability(which: Capability) -> Check {
    match !has(which) && has(Capability::CAP_SYS_ADMIN) {
        true => Check::ok(&which.to_string(), "not held; CAP_SYS_ADMIN does as well"),
        false => capability(which, "the table cannot be read", &capability::how_to_grant()),
    }
    .needed()
}

/// What only some tables need, and what they lose without it.
const WANTED: [(Capability, &str); 4] = [
    (Capability::CAP_NET_RAW, "what raw sockets have set is unknown"),
    (Capability::CAP_SYS_ADMIN, "no --netns, no --all-netns"),
    (Capability::CAP_SYS_PTRACE, "--all-netns may miss some"),
    (Capability::CAP_NET_ADMIN, "--all-netns may miss some"),
];

/// The limit of locked memory, where it is one for BPF too.
fn memory_limit() -> Check {
    const NAME: &str = "memory limit";
    match capability::memory_limit() {
        None => Check::ok(NAME, "BPF is not held to one"),
        Some(limit) => Check::unknown(
            NAME,
            format!("{} KiB may be locked, perhaps too few", limit / 1024),
            "give CAP_SYS_RESOURCE too, or raise it as root: 'ulimit -l unlimited'",
        ),
    }
}

fn pid_namespace() -> Check {
    const NAME: &str = "pid namespace";
    match namespace("pid") {
        Some(FIRST_PID_NAMESPACE) => Check::ok(NAME, "the first: every process is seen"),
        Some(_) => Check::unknown(
            NAME,
            "not the first: of processes outside nothing is seen; their sockets are called \
             'elsewhere', or not found if only a process leads to them",
            "run it outside of the container",
        ),
        None => Check::unknown(NAME, "perhaps not the first, then not all is seen", MOUNT_PROC),
    }
}

fn network_namespace() -> Check {
    const NAME: &str = "network namespace";
    match namespace("net") {
        Some(inode) => Check::ok(NAME, format!("net:[{inode}]: its sockets are shown")),
        None => Check::unknown(NAME, "its sockets are shown, whichever it is", MOUNT_PROC),
    }
}
