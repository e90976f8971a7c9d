//! The holders of sockets. One iteration over all file descriptors finds them, and they are matched with the sockets by
//! inode.

use std::collections::HashSet;
use std::io::Read;
use std::ops::Range;
use std::rc::Rc;

use crate::error::Error;
use crate::kernel::abi::owner_record;
use crate::record;
use crate::socket::owner::{Claim, Owner};
use crate::text::Name;

/// The longest name of a process in bytes: include/linux/sched.h, TASK_COMM_LEN, without the zero byte.
pub const COMMAND_LENGTH: usize = 15;

/// A process, or a thread of it that does not share the descriptors of its process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Task {
    /// The PID in this PID namespace.
    pub pid: u32,
    /// The thread that has the descriptors, if it does not share those of its process: unshare(2), CLONE_FILES.
    pub tid: Option<u32>,
    /// Whether the thread is one of the kernel, which an io_uring has added to the process.
    pub is_io_worker: bool,
    /// The name of the thread group's leader, at most [`COMMAND_LENGTH`] bytes.
    pub command: Name,
    /// When the process began, in nanoseconds since boot: `start_boottime` of the kernel. 0 if it is unknown. It
    /// distinguishes the process from others that have had its PID.
    pub started: u64,
}

/// A file descriptor of a process, or a file that a process has registered with an io_uring.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// The inode of the socket.
    pub inode: u64,
    /// What has the descriptor. Most tasks have many.
    pub task: Rc<Task>,
    /// The descriptor. With a slot, it identifies the io_uring.
    pub fd: u32,
    /// The slot in the io_uring: io_uring_register(2), IORING_REGISTER_FILES.
    pub slot: Option<u32>,
    /// Whether the io_uring has no descriptor in the process, which has closed it after it had registered the io_uring:
    /// io_uring_register(2), IORING_REGISTER_RING_FDS. `fd` is then the index among those that the thread has registered.
    pub ring_is_registered: bool,
    /// Whether the descriptor has O_NONBLOCK.
    pub nonblock: bool,
}

/// Removes the holders in rings that are registered, if the process also has a descriptor of the ring. Most programs keep
/// it.
fn forget_registered_rings_with_a_descriptor(holders: &mut Vec<Holder>) {
    if !holders.iter().any(|it| it.ring_is_registered) {
        return;
    }
    let place = |it: &Holder| it.slot.map(|slot| (it.inode, it.task.pid, slot));
    let with_descriptor: HashSet<(u64, u32, u32)> =
        holders.iter().filter(|it| !it.ring_is_registered).filter_map(place).collect();
    holders.retain(|it| {
        !it.ring_is_registered || !place(it).is_some_and(|it| with_descriptor.contains(&it))
    });
}

/// Removes the holders that are threads of the kernel, if another thread of the process has the same descriptor. They share
/// all descriptors of a thread, and are the only ones that have them if that has ended.
fn forget_io_workers_beside_threads(holders: &mut Vec<Holder>) {
    if !holders.iter().any(|it| it.task.is_io_worker) {
        return;
    }
    let place = |it: &Holder| (it.inode, it.task.pid, it.fd, it.slot);
    let threads = holders.iter().filter(|it| !it.task.is_io_worker);
    let of_threads: HashSet<(u64, u32, u32, Option<u32>)> = threads.map(place).collect();
    holders.retain(|it| !it.task.is_io_worker || !of_threads.contains(&place(it)));
}

impl Holder {
    fn of(record: &owner_record, tasks: &mut Tasks) -> Holder {
        Holder {
            inode: record.inode,
            task: tasks.of(record),
            fd: record.fd,
            slot: record.slot.checked_sub(1),
            ring_is_registered: record.ring_is_registered != 0,
            nonblock: record.flags & nix::libc::O_NONBLOCK as u32 != 0,
        }
    }
}

/// The tasks of holders. Each is kept once for the descriptors that are read one after the other.
#[derive(Default)]
struct Tasks {
    last: Option<Rc<Task>>,
}

impl Tasks {
    fn of(&mut self, record: &owner_record) -> Rc<Task> {
        let task = Task {
            pid: record.pid,
            tid: (record.tid != 0).then_some(record.tid),
            is_io_worker: record.is_io_worker != 0,
            command: Name::new(&record.command),
            started: record.started,
        };
        match &self.last {
            Some(last) if **last == task => Rc::clone(last),
            _ => Rc::clone(self.last.insert(Rc::new(task))),
        }
    }
}

/// Where the holders of an inode are, among holders that are sorted by inode. The inodes are divided into ranges of equal
/// size, about as many as there are holders. The rows come in any order, and most of their search for holders is for memory
/// that is not in the cache of the CPU: `-tp` takes 159 ms for 100,000 sockets, and 176 with a hash table.
#[derive(Debug, Default)]
struct Index {
    /// The least inode.
    least: u64,
    /// The size of a range is two to the power of this.
    shift: u32,
    /// The number of holders in the ranges before each, and that of all holders.
    before: Vec<u32>,
}

impl Index {
    fn of(holders: &[Holder]) -> Index {
        let (Some(first), Some(last)) = (holders.first(), holders.last()) else {
            return Index::default();
        };
        let (least, width) = (first.inode, last.inode - first.inode);
        let is_enough = |shift: &u32| width >> shift < holders.len() as u64;
        let shift = (0..u64::BITS).find(is_enough).unwrap_or_default();
        let mut before = Vec::with_capacity((width >> shift) as usize + 2);
        for (count, holder) in (0..).zip(holders) {
            let range = ((holder.inode - least) >> shift) as usize;
            before.resize(before.len().max(range + 1), count);
        }
        before.push(holders.len() as u32);
        Index { least, shift, before }
    }

    /// The place of all holders that are in one range with this inode.
    fn range_of(&self, inode: u64) -> Range<usize> {
        let range = inode.checked_sub(self.least).map(|it| (it >> self.shift) as usize);
        match range.and_then(|range| self.before.get(range..)) {
            Some([begin, end, ..]) => *begin as usize..*end as usize,
            _ => 0..0,
        }
    }
}

/// The holders of all sockets.
#[derive(Debug, Default)]
pub struct Owners {
    /// Sorted by inode, PID and file descriptor.
    holders: Vec<Holder>,
    index: Index,
}

impl Owners {
    /// Reads all records of an iteration over file descriptors.
    ///
    /// # Errors
    ///
    /// If the source cannot be read, or is not a whole number of valid records.
    pub fn read(source: impl Read) -> Result<Owners, Error> {
        let mut holders = Vec::new();
        let mut tasks = Tasks::default();
        record::read_owners(source, |record| {
            // 0 is no inode, which many sockets without a holder have.
            if record.inode != 0 {
                holders.push(Holder::of(record, &mut tasks));
            }
        })?;
        // Most sockets have one.
        holders.sort_unstable_by_key(|it| it.inode);
        for of_one in holders.chunk_by_mut(|one, other| one.inode == other.inode) {
            of_one.sort_unstable_by_key(place);
        }
        // An interrupted iteration may visit a file descriptor twice.
        holders.dedup_by(|one, other| one.inode == other.inode && place(one) == place(other));
        forget_registered_rings_with_a_descriptor(&mut holders);
        forget_io_workers_beside_threads(&mut holders);
        let index = Index::of(&holders);
        Ok(Owners { holders, index })
    }

    /// All holders.
    pub fn all(&self) -> &[Holder] {
        &self.holders
    }

    /// Returns the holders of a socket, and what they imply about its owner.
    pub fn of(&self, claim: Claim) -> (&[Holder], Owner) {
        let holders = self.with_inode(claim.inode);
        let owner = if holders.is_empty() { claim.unheld } else { claim.held };
        (holders, owner)
    }

    /// Returns the holders of the socket with this inode.
    pub fn with_inode(&self, inode: u64) -> &[Holder] {
        let near = self.holders.get(self.index.range_of(inode)).unwrap_or_default();
        let rest = &near[near.partition_point(|it| it.inode < inode)..];
        let count = rest.iter().take_while(|it| it.inode == inode).count();
        &rest[..count]
    }
}

/// Where the holders of one socket have it.
fn place(holder: &Holder) -> (u32, Option<u32>, bool, u32, Option<u32>) {
    let Holder { task, fd, slot, ring_is_registered, .. } = holder;
    (task.pid, task.tid, *ring_is_registered, *fd, *slot)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Holders of these inodes.
    fn owners(inodes: &[u64]) -> Owners {
        let command = Name::new(b"x");
        let task = Rc::new(Task { pid: 1, tid: None, is_io_worker: false, command, started: 0 });
        let holder = |(fd, inode): (u32, &u64)| Holder {
            inode: *inode,
            task: Rc::clone(&task),
            fd,
            slot: None,
            ring_is_registered: false,
            nonblock: false,
        };
        let holders: Vec<Holder> = (0..).zip(inodes).map(holder).collect();
        let index = Index::of(&holders);
        Owners { holders, index }
    }

    #[test]
    fn each_inode_has_its_holders_and_no_other_has_any() {
        let dense: Vec<u64> = (5000..6000).collect();
        let twice: Vec<u64> = (0..500).map(|n| 7 + n / 2 * 3).collect();
        let far = [1, 2, 2, 3, 1 << 20, u64::from(u32::MAX) - 1, u64::from(u32::MAX)];
        let farthest = [1, u64::MAX - 1, u64::MAX, u64::MAX];
        for inodes in [&[], &[9][..], &[9, 9, 9], &dense, &twice, &far, &farthest] {
            let owners = owners(inodes);
            let asked = inodes.iter().flat_map(|it| [it.wrapping_sub(1), *it, it.wrapping_add(1)]);
            for asked in asked.chain([0, 1, u64::MAX / 2, u64::MAX]) {
                let found: Vec<u32> = owners.with_inode(asked).iter().map(|it| it.fd).collect();
                let same = (0..).zip(inodes).filter(|(_, inode)| **inode == asked);
                let expected: Vec<u32> = same.map(|(fd, _)| fd).collect();
                assert_eq!(found, expected, "{asked} among {inodes:?}");
            }
        }
    }
}
