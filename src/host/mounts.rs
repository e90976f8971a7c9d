//! Mount points of network namespaces and of control groups, and what others see mounted: proc_pid_mountinfo(5).

use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

use nix::sys::stat::{major, minor};

/// Returns the inode number and the mount point of each mounted network namespace. The fourth field of a
/// line identifies what is mounted, such as `net:[4026531840]`. The fifth field is the mount point, a
/// path that may contain any bytes.
///
/// # Errors
///
/// When the file cannot be read, for example without /proc.
pub fn mounts() -> io::Result<Vec<(u32, PathBuf)>> {
    let mounts = fs::read("/proc/self/mountinfo")?;
    let mounted = |line: &[u8]| {
        let mut fields = line.split(|byte| *byte == b' ').skip(3);
        let number = fields.next()?.strip_prefix(b"net:[")?.strip_suffix(b"]")?;
        let inode = std::str::from_utf8(number).ok()?.parse().ok()?;
        Some((inode, PathBuf::from(OsString::from_vec(unescaped(fields.next()?)))))
    };
    Ok(mounts.split(|byte| *byte == b'\n').filter_map(mounted).collect())
}

/// A mounted hierarchy of control groups of version 2.
pub struct CgroupMount {
    /// The ID of the mount, which distinguishes it from another one that covers it.
    pub id: u64,
    /// The path of the group that is mounted.
    pub root: Vec<u8>,
    pub point: PathBuf,
}

/// Returns the mounted hierarchies of control groups of version 2. The first field of a line is the ID, the fourth the
/// group, and the fifth the mount point. The type of the file system follows a dash. A group outside the cgroup namespace
/// has a path that begins with `/..`, as would all below it, which may be inside.
///
/// # Errors
///
/// As [`mounts()`].
pub fn cgroups() -> io::Result<Vec<CgroupMount>> {
    let mounts = fs::read("/proc/self/mountinfo")?;
    let mounted = |line: &[u8]| {
        let mut fields = line.split(|byte| *byte == b' ');
        let id = std::str::from_utf8(fields.next()?).ok()?.parse().ok()?;
        let (root, point) = (fields.nth(2)?, fields.next()?);
        let kind = fields.skip_while(|field| *field != b"-").nth(1)?;
        let point = PathBuf::from(OsString::from_vec(unescaped(point)));
        let is_outside = root == b"/.." || root.starts_with(b"/../");
        (kind == b"cgroup2" && !is_outside).then(|| CgroupMount {
            id,
            root: unescaped(root),
            point,
        })
    };
    Ok(mounts.split(|byte| *byte == b'\n').filter_map(mounted).collect())
}

/// Whether a device is among those that the first process of this PID namespace sees mounted. The third field of a line
/// are its numbers. `None` if /proc does not tell.
pub fn first_process_sees(device: u64) -> Option<bool> {
    let mounts = fs::read("/proc/1/mountinfo").ok()?;
    let device = format!("{}:{}", major(device), minor(device));
    let is = |line: &[u8]| line.split(|byte| *byte == b' ').nth(2) == Some(device.as_bytes());
    Some(mounts.split(|byte| *byte == b'\n').any(is))
}

/// Whether /proc shows a user only the user's own processes: proc(5), hidepid. The last mount there covers the others. The
/// options of the file system are the last field of a line.
pub fn proc_hides() -> bool {
    let mounts = fs::read("/proc/self/mountinfo").unwrap_or_default();
    let at_proc = |line: &&[u8]| line.split(|byte| *byte == b' ').nth(4) == Some(b"/proc");
    let line = mounts.split(|byte| *byte == b'\n').rfind(at_proc).unwrap_or_default();
    let options = line.rsplit(|byte| *byte == b' ').next().unwrap_or_default();
    let mut hidden =
        options.split(|byte| *byte == b',').filter_map(|it| it.strip_prefix(b"hidepid="));
    hidden.any(|value| !matches!(value, b"0" | b"off"))
}

/// Decodes a path of mountinfo, in which a space or similar is written as `\040`.
fn unescaped(path: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = path;
    while let Some((first, others)) = rest.split_first() {
        let digits = others.get(..3).filter(|_| *first == b'\\');
        let digits = digits.and_then(|digits| std::str::from_utf8(digits).ok());
        match digits.and_then(|digits| u8::from_str_radix(digits, 8).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &others[3..];
            }
            None => {
                bytes.push(*first);
                rest = others;
            }
        }
    }
    bytes
}
