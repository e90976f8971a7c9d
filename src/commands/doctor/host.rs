//! Checks of the kernel and of the mounted file systems.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use nix::errno::Errno;

use super::capabilities::more_files;
use super::check::{as_root, mount_proc, Check, Problem, REPORT, TABLE};
use crate::error::is_too_many_files;
use crate::kernel::btf::{KernelBtf, KERNEL_BTF};
use crate::kernel::capability;
use crate::kernel::syscall;
use crate::text::escaped;

/// Checks the kernel and the mounted file systems.
pub fn checks(types: Option<&KernelBtf>) -> Vec<Check> {
    vec![kernel(), proc(), sys(types), btf(types), bpf(), lockdown(), unprivileged()]
}

fn kernel() -> Check {
    const NAME: &str = "kernel";
    match nix::sys::utsname::uname() {
        Ok(name) => {
            let words = [name.sysname(), name.release(), name.machine()];
            Check::ok(NAME, words.map(|word| escaped(word.as_encoded_bytes())).join(" "))
        }
        Err(error) => Check::unknown(NAME, format!("uname(2): {}", error.desc()), REPORT),
    }
}

/// Checks that /proc lists the loaded protocols, because sockets of other protocols are not opened. A
/// /proc that shows only processes (proc(5), subset) does not have the file.
fn proc() -> Check {
    const NAME: &str = "/proc";
    const WHAT: &str = "which options are set on sockets other than TCP, UDP, unix and netlink";
    let why = match Path::new("/proc/self/stat").exists() {
        true if File::open("/proc/net/protocols").is_ok() => return Check::ok(NAME, "mounted"),
        true => "/proc/net/protocols is not readable",
        false => "/proc is not mounted",
    };
    Check::missing(NAME, Problem::new(WHAT, why, mount_proc()))
}

fn is_sys_mounted() -> bool {
    Path::new("/sys/kernel").exists()
}

fn without_sys() -> Problem {
    Problem::new(TABLE, "/sys is not mounted", as_root("mount -t sysfs sysfs /sys"))
}

fn sys(types: Option<&KernelBtf>) -> Check {
    const NAME: &str = "/sys";
    match (is_sys_mounted(), types) {
        (true, _) => Check::ok(NAME, "mounted"),
        (false, Some(_)) => Check::note(NAME, "not mounted; BTF was found elsewhere"),
        (false, None) => Check::missing(NAME, without_sys()),
    }
}

/// Checks the kernel's types, which libbpf also searches for in the image of the kernel:
/// btf__load_vmlinux_btf().
fn btf(btf: Option<&KernelBtf>) -> Check {
    const NAME: &str = "BTF";
    let problem = match (btf, File::open(KERNEL_BTF)) {
        (Some(_), Ok(_)) => return Check::ok(NAME, format!("{KERNEL_BTF} is readable")).needed(),
        (Some(_), Err(_)) => {
            return Check::ok(NAME, "the kernel's image has type information").needed();
        }
        (None, Ok(_)) => {
            Problem::new(TABLE, format!("{KERNEL_BTF} has no BTF type information"), REPORT)
        }
        (None, Err(error)) => without_btf(&error),
    };
    Check::missing(NAME, problem).needed()
}

fn without_btf(error: &io::Error) -> Problem {
    match error.kind() {
        _ if is_too_many_files(error) => Problem::new(TABLE, "too many open files", more_files()),
        io::ErrorKind::PermissionDenied => Problem::new(
            TABLE,
            format!("{KERNEL_BTF} is not readable by this user"),
            format!(
                "{}, or {}",
                as_root(&format!("chmod a+r {KERNEL_BTF}")),
                capability::how_to_sudo()
            ),
        ),
        io::ErrorKind::NotFound if !is_sys_mounted() => without_sys(),
        io::ErrorKind::NotFound => Problem::new(
            TABLE,
            format!("this kernel has no BTF type information: {KERNEL_BTF} does not exist"),
            "use a kernel that is built with CONFIG_DEBUG_INFO_BTF=y, as those of distributions are",
        ),
        _ => Problem::new(TABLE, format!("{KERNEL_BTF} is not readable: {error}"), REPORT),
    }
}

fn bpf() -> Check {
    const NAME: &str = "bpf(2)";
    let error = syscall::bpf_without_command();
    match error.raw_os_error().map(Errno::from_raw) {
        Some(Errno::ENOSYS) => Check::missing(
            NAME,
            Problem::new(
                TABLE,
                "this kernel has no bpf(2) system call",
                "use a kernel that is built with CONFIG_BPF_SYSCALL=y",
            ),
        ),
        // Some kernels and sandboxes forbid the call only without the capabilities.
        Some(Errno::EPERM | Errno::EACCES) if !capability::may_load_on_host() => {
            Check::unknown(NAME, "not permitted without CAP_BPF", capability::how_to_grant())
        }
        Some(Errno::EPERM | Errno::EACCES) => Check::missing(
            NAME,
            Problem::new(
                TABLE,
                "bpf(2) is forbidden, although the capabilities are held",
                "in a container, allow bpf(2) in its seccomp profile",
            ),
        ),
        _ => Check::ok(NAME, "the system call is available"),
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
            Problem::new(
                TABLE,
                "kernel lockdown is in confidentiality mode, in which BPF may not read the kernel",
                "boot the kernel without `lockdown=confidentiality`",
            ),
        ),
        Some(mode) => Check::ok(NAME, format!("{}: BPF is permitted", escaped(mode.as_bytes()))),
        None if is_mounted() => Check::ok(NAME, "not in this kernel"),
        None => Check::unknown(
            NAME,
            format!("nothing is mounted at {FOLDER}"),
            as_root(&format!("mount -t securityfs securityfs {FOLDER}")),
        ),
    }
    .needed()
}

/// Documentation/admin-guide/sysctl/kernel.rst
fn unprivileged() -> Check {
    const NAME: &str = "unprivileged BPF";
    const SYSCTL: &str = "kernel.unprivileged_bpf_disabled";
    match fs::read_to_string("/proc/sys/kernel/unprivileged_bpf_disabled") {
        Ok(value) => {
            let value = escaped(value.trim().as_bytes());
            let word = if value == "0" { "permitted" } else { "forbidden" };
            Check::ok(NAME, format!("{word} ({SYSCTL}={value}); knetstat does not use it"))
        }
        Err(_) => Check::unknown(NAME, format!("{SYSCTL} is not readable"), mount_proc()),
    }
}
