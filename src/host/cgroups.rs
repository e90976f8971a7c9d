//! Control groups: their paths by their numbers, and the units and containers that the paths tell of. Numbers are
//! those of version 2, in which alone a socket belongs to a group: cgroups(7).

use std::cell::Cell;
use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, StatxFlags};

use crate::error::reason;
use crate::host::mounts::{self, CgroupMount};
use crate::host::netns_file::shown;

mod container;

pub use container::Container;

/// The number of the first group: fs/kernfs/dir.c, kernfs_create_root(). In the first cgroup namespace, its path is `/`,
/// mounted or not.
const FIRST: u64 = 1;

/// The inode number of the first cgroup namespace: include/linux/proc_ns.h, PROC_CGROUP_INIT_INO.
const FIRST_NAMESPACE: u64 = 0xEFFF_FFFB;

/// The types of units whose processes have a group of their own: systemd.unit(5). A socket unit has one in which its
/// sockets are created. Slices only contain others.
const UNITS: [&[u8]; 5] = [b".service", b".scope", b".socket", b".mount", b".swap"];

/// A control group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cgroup {
    /// The path in the hierarchy, which begins with a slash.
    pub path: Vec<u8>,
    /// The unit of systemd(1) that the group belongs to.
    pub unit: Option<Vec<u8>>,
    pub container: Option<Container>,
}

impl Cgroup {
    /// The group with this path.
    pub fn of(path: Vec<u8>) -> Cgroup {
        let (unit, container) = (unit_of(&path), Container::of(&path));
        Cgroup { path, unit, container }
    }
}

/// The control groups by number, as far as they can be found. The kernel gives no number to two groups, not even to one
/// after the other, so that a path is never that of another group.
#[derive(Debug, Default)]
pub struct Cgroups {
    by_number: HashMap<u64, Cgroup>,
    /// Why some groups may be missing.
    obstacle: Option<String>,
    /// Whether a group was requested that may be among the missing ones.
    is_missed: Cell<bool>,
}

impl Cgroups {
    /// Finds all groups of this cgroup namespace below the mount points of version 2.
    pub fn read() -> Cgroups {
        let mut cgroups = Cgroups::default();
        match mounts::cgroups() {
            Ok(mounts) if mounts.is_empty() => {
                let why = "cgroup2 is not mounted (`mount -t cgroup2 none /sys/fs/cgroup`)";
                cgroups.obstacle = Some(why.to_owned());
            }
            Ok(mounts) => cgroups.add_mounts(mounts),
            Err(error) => {
                let why = format!(
                    "cannot read /proc/self/mountinfo: {} (`mount -t proc proc /proc`)",
                    reason(&error)
                );
                cgroups.obstacle = Some(why);
            }
        }
        if fs::metadata("/proc/self/ns/cgroup").is_ok_and(|it| it.ino() == FIRST_NAMESPACE) {
            cgroups.add(FIRST, b"/");
        }
        cgroups
    }

    /// Adds the groups of all mounts. One of the whole hierarchy has them all, whatever is missing in others.
    fn add_mounts(&mut self, mounts: Vec<CgroupMount>) {
        for mount in mounts {
            let is_whole = mount.root == b"/";
            let before = self.obstacle.take();
            self.add_all(mount);
            if is_whole && self.obstacle.is_none() {
                return;
            }
            self.obstacle = before.or(self.obstacle.take());
        }
    }

    /// Adds the groups of a mount.
    fn add_all(&mut self, mount: CgroupMount) {
        let top = match Directory::open(&mount.point, mount.id) {
            Ok(top) => top,
            Err(why) => return self.note(&mount.point, &why),
        };
        self.add(top.number, &mount.root);
        let mut left = vec![(mount.root, mount.point)];
        while let Some((path, directory)) = left.pop() {
            match Directory::open(&directory, mount.id).and_then(|it| Ok(it.children()?)) {
                Ok(children) => {
                    for (number, name) in children {
                        let path = joined(&path, name.as_os_str().as_bytes());
                        self.add(number, &path);
                        left.push((path, directory.join(name)));
                    }
                }
                // It was removed meanwhile.
                Err(Obstacle::Refused(error)) if error.kind() == io::ErrorKind::NotFound => {}
                Err(why) => self.note(&directory, &why),
            }
        }
    }

    fn add(&mut self, number: u64, path: &[u8]) {
        self.by_number.entry(number).or_insert_with(|| Cgroup::of(path.to_vec()));
    }

    fn note(&mut self, path: &Path, why: &Obstacle) {
        self.obstacle.get_or_insert_with(|| match why {
            Obstacle::Refused(error) => format!("cannot read {}: {}", shown(path), reason(error)),
            Obstacle::Covered => format!("another file system covers {}", shown(path)),
        });
    }

    /// The group with this number. `None` if it was removed, or cannot be found from here.
    pub fn of(&self, number: u64) -> Option<&Cgroup> {
        let cgroup = self.by_number.get(&number);
        self.is_missed.set(self.is_missed.get() || cgroup.is_none());
        cgroup
    }

    /// What is missing of the requested groups, as the end of a sentence. `None` if nothing is.
    pub fn missing(&self) -> Option<String> {
        let why = self.obstacle.as_ref().filter(|_| self.is_missed.get());
        why.map(|why| format!("paths of control groups: {why}"))
    }
}

/// Why a directory cannot be used.
enum Obstacle {
    Refused(io::Error),
    /// Something else is mounted there, whose numbers are not those of groups.
    Covered,
}

impl<E: Into<io::Error>> From<E> for Obstacle {
    fn from(error: E) -> Obstacle {
        Obstacle::Refused(error.into())
    }
}

/// The open directory of a group.
struct Directory {
    file: OwnedFd,
    number: u64,
}

impl Directory {
    /// Opens a directory of the mount with this ID.
    fn open(path: &Path, mount: u64) -> Result<Directory, Obstacle> {
        let file = rustix::fs::open(path, OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
        let wanted = StatxFlags::INO | StatxFlags::MNT_ID;
        let status = rustix::fs::statx(&file, "", AtFlags::EMPTY_PATH, wanted)?;
        match status.stx_mnt_id == mount {
            true => Ok(Directory { file, number: status.stx_ino }),
            false => Err(Obstacle::Covered),
        }
    }

    /// The groups in the group: numbers and names.
    fn children(&self) -> io::Result<Vec<(u64, PathBuf)>> {
        let mut children = Vec::new();
        for entry in Dir::read_from(&self.file)? {
            let entry = entry?;
            let name = entry.file_name().to_bytes();
            if entry.file_type() == FileType::Directory && ![b"." as &[u8], b".."].contains(&name) {
                children.push((entry.ino(), OsStr::from_bytes(name).into()));
            }
        }
        Ok(children)
    }
}

fn joined(path: &[u8], name: &[u8]) -> Vec<u8> {
    let begin = path.strip_suffix(b"/").unwrap_or(path);
    [begin, name].join(&b'/')
}

/// The unit of systemd(1) with this group: the last part of the path that is one. systemd puts an underscore before names
/// that it could confuse with files of the kernel (src/basic/cgroup-util.c, cg_escape()).
fn unit_of(path: &[u8]) -> Option<Vec<u8>> {
    let unescaped = |part: &'_ [u8]| part.strip_prefix(b"_").unwrap_or(part).to_vec();
    let is_unit = |name: &Vec<u8>| {
        UNITS.iter().any(|ending| name.len() > ending.len() && name.ends_with(ending))
    };
    path.split(|byte| *byte == b'/').map(unescaped).rfind(is_unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unit(path: &str) -> Option<String> {
        let unit = Cgroup::of(path.into()).unit;
        unit.map(|unit| String::from_utf8(unit).expect("a unit"))
    }

    #[test]
    fn units_are_those_that_have_processes_or_sockets() {
        assert_eq!(unit("/system.slice/nginx.service").as_deref(), Some("nginx.service"));
        assert_eq!(unit("/system.slice/ssh.service/sub/deeper").as_deref(), Some("ssh.service"));
        assert_eq!(unit("/init.scope").as_deref(), Some("init.scope"));
        let user = "/user.slice/user-1000.slice/user@1000.service/app.slice/web.service";
        assert_eq!(unit(user).as_deref(), Some("web.service"));
        assert_eq!(unit("/system.slice/_cgroup.service").as_deref(), Some("cgroup.service"));
        assert_eq!(unit("/system.slice/ssh.socket").as_deref(), Some("ssh.socket"));
        assert_eq!(unit("/system.slice/srv-data.mount").as_deref(), Some("srv-data.mount"));
        assert_eq!(unit("/system.slice/dev-sda2.swap").as_deref(), Some("dev-sda2.swap"));
        assert_eq!(unit("/system.slice/web.service/.service").as_deref(), Some("web.service"));
        assert_eq!(unit("/.scope/_.socket"), None);
        assert_eq!(unit("/user.slice/user-1000.slice"), None);
        assert_eq!(unit("/"), None);
    }

    #[test]
    fn paths_are_joined() {
        assert_eq!(joined(b"/", b"a"), b"/a");
        assert_eq!(joined(b"/a", b"b c"), b"/a/b c");
    }
}
