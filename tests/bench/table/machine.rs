//! The machine on which is measured.

use std::fs;
use std::thread::available_parallelism;

use super::report::grouped;

/// The memory in bytes that a socket takes with its file, about half more than was measured on 6.18.
const PER_SOCKET: usize = 6 * 1024;

/// Prints what the figures depend on.
pub fn describe() {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default().trim().to_owned();
    let cpus = available_parallelism().map_or(0, usize::from);
    let load = read("/proc/loadavg");
    let load = load.split(' ').next().unwrap_or_default();
    println!("Linux {}, {cpus} CPUs, load {load}", read("/proc/sys/kernel/osrelease"));
}

/// Why this machine cannot hold this many TCP sockets, or `None` if it can.
pub fn lacks_room(sockets: usize) -> Option<String> {
    let (needed, available) = (sockets * PER_SOCKET, available_memory().unwrap_or_default());
    (needed > available).then(|| {
        let [needed, available] = [needed, available].map(|bytes| grouped(bytes >> 20));
        format!("{needed} MiB of memory are needed, {available} are available")
    })
}

/// The memory in bytes that can be used without swapping: proc_meminfo(5).
fn available_memory() -> Option<usize> {
    let meminfo = fs::read_to_string("/proc/meminfo").ok()?;
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kibibytes: usize = line.trim().split(' ').next()?.parse().ok()?;
    Some(kibibytes * 1024)
}
