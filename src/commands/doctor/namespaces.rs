//! Checks of the namespaces of this process.

use std::fs;
use std::os::unix::fs::MetadataExt;

use super::check::{mount_proc, Check};

/// Checks the PID namespace and the network namespace.
pub fn checks() -> [Check; 2] {
    [pid_namespace(), network_namespace()]
}

/// PROC_PID_INIT_INO of include/linux/proc_ns.h, which newer kernels call PID_NS_INIT_INO.
const FIRST_PID_NAMESPACE: u64 = 0xEFFF_FFFC;

/// The inode number of a namespace of this process.
fn inode_of(name: &str) -> Option<u64> {
    fs::metadata(format!("/proc/self/ns/{name}")).ok().map(|namespace| namespace.ino())
}

/// The name of the check of whether every process is visible.
pub const PID_NAMESPACE: &str = "pid namespace";

fn pid_namespace() -> Check {
    match inode_of("pid") {
        Some(FIRST_PID_NAMESPACE) => {
            Check::ok(PID_NAMESPACE, "the initial one: every process is visible")
        }
        Some(_) => Check::note(
            PID_NAMESPACE,
            "not the initial one: processes outside of it are not visible. The owner of their \
             sockets is 'elsewhere', and unbound ones are not found",
        )
        .remedy("run it on the host, or in a container with `--pid=host`"),
        None => Check::unknown(
            PID_NAMESPACE,
            "perhaps not the initial one, in which every process is visible",
            mount_proc(),
        ),
    }
}

fn network_namespace() -> Check {
    const NAME: &str = "network namespace";
    match inode_of("net") {
        Some(inode) => Check::ok(NAME, format!("net:[{inode}]")),
        None => Check::unknown(NAME, "its number is not known", mount_proc()),
    }
}
