//! The processes that hold sockets: their arguments and users, which /proc has, and when they began.
//!
//! A process may end, and another one get its PID, before it is looked up. So the start that BPF reads together with the
//! descriptor is compared with the one that /proc has after everything else was read. If they are equal, the PID was
//! that of the same process all the time.

use std::cell::{OnceCell, RefCell};
use std::collections::HashMap;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::str;

use nix::errno::Errno;
use nix::unistd::{getpgid, Pid};

use crate::error::reason;
use crate::host::boot_clock::BootClock;
use crate::host::mounts::proc_hides;
use crate::host::users;
use crate::kernel::caller;
use crate::socket::holders::Holder;
use crate::text::Moment;

mod command_line;

/// What /proc has of a process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    /// Empty for a kernel thread.
    pub arguments: Rc<[Vec<u8>]>,
    /// The effective UID.
    pub uid: u32,
}

/// The result of looking up a process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    Process(Process),
    /// It has ended.
    Ended,
    /// It cannot be looked up.
    Unknown,
}

/// The processes that have been looked up so far, each once.
#[derive(Default)]
pub struct Processes {
    /// By PID and start.
    found: RefCell<HashMap<(u32, u64), Found>>,
    clock: OnceCell<Result<BootClock, String>>,
    /// Whether the PIDs of /proc are those of knetstat.
    view: OnceCell<Result<(), String>>,
    names: OnceCell<Result<users::ByNumber, String>>,
    /// Why something could not be looked up.
    obstacle: OnceCell<String>,
}

impl Processes {
    /// Looks up the process of a descriptor.
    pub fn of(&self, holder: &Holder) -> Found {
        let key = (holder.task.pid, holder.task.started);
        if let Some(found) = self.found.borrow().get(&key) {
            return found.clone();
        }
        let found = match self.read(holder) {
            Ok(Some(process)) => Found::Process(process),
            Ok(None) => Found::Ended,
            Err(why) => self.note(why),
        };
        self.found.borrow_mut().insert(key, found.clone());
        found
    }

    /// When the process of a descriptor began. `None` if it is unknown.
    pub fn start_of(&self, holder: &Holder) -> Option<Moment> {
        match self.clock() {
            Ok(clock) => Some(clock.moment(holder.task.started)),
            Err(why) => {
                self.note(why);
                None
            }
        }
    }

    /// The name of a user, if it has one: passwd(5).
    pub fn user_name(&self, uid: u32) -> Option<Rc<[u8]>> {
        match self.names.get_or_init(users::by_number) {
            Ok(names) => names.get(&uid).cloned(),
            Err(why) => {
                self.note(why.clone());
                None
            }
        }
    }

    /// What could not be looked up, as the end of a sentence. `None` if nothing is missing.
    pub fn missing(&self) -> Option<String> {
        self.obstacle.get().map(|why| format!("details of processes: {why}"))
    }

    fn note(&self, why: String) -> Found {
        self.obstacle.get_or_init(|| why);
        Found::Unknown
    }

    fn clock(&self) -> Result<&BootClock, String> {
        self.clock.get_or_init(BootClock::read).as_ref().map_err(String::clone)
    }

    /// Reads a process. Returns `None` if it has ended, and the obstacle if it cannot be read.
    fn read(&self, holder: &Holder) -> Result<Option<Process>, String> {
        self.view.get_or_init(check_view).clone()?;
        let clock = self.clock()?;
        let is_start = |ticks| clock.is_shown_as(holder.task.started, ticks);
        let directory = PathBuf::from(format!("/proc/{}", holder.task.pid));
        // A program with more rights than its caller still has them while it waits for a socket.
        match caller::with_rights_of_caller(|| read_process(&directory, is_start)) {
            Ok(process) => Ok(process),
            Err(error) if is_gone(&error) && !exists(holder.task.pid) => Ok(None),
            Err(error) if is_gone(&error) || is_refused(&error) && proc_hides() => {
                Err(HIDDEN.to_owned())
            }
            Err(error) => Err(format!("cannot read {}: {}", directory.display(), reason(&error))),
        }
    }
}

/// What to say where /proc does not show a process that exists.
pub const HIDDEN: &str =
    "/proc hides the processes of other users (allow it: `mount -o remount,hidepid=0 /proc`)";

/// Reads the process with this directory in /proc, unless it has ended. `is_start`: whether it began so many ticks
/// after boot, as /proc has it.
fn read_process(directory: &Path, is_start: impl Fn(u64) -> bool) -> io::Result<Option<Process>> {
    // The directory belongs to the effective user, unlike the files in it: fs/proc/base.c, task_dump_owner()
    let uid = fs::metadata(directory)?.uid();
    let arguments = command_line::read(directory)?;
    let stat = Stat::parse(&fs::read(directory.join("stat"))?).ok_or(io::ErrorKind::InvalidData)?;
    // A process that has ended has no arguments. Neither has a kernel thread, which does not end this way.
    let has_ended = !is_start(stat.ticks) || stat.is_zombie && arguments.is_empty();
    Ok((!has_ended).then(|| Process { arguments: arguments.into(), uid }))
}

/// Whether the process has ended, or is hidden.
fn is_gone(error: &io::Error) -> bool {
    let errno = error.raw_os_error().map(Errno::from_raw);
    matches!(errno, Some(Errno::ENOENT | Errno::ESRCH))
}

fn is_refused(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::PermissionDenied
}

/// Whether there is a process with this PID, even one that /proc hides. The system call requires no privileges.
fn exists(pid: u32) -> bool {
    getpgid(Some(Pid::from_raw(pid as i32))) != Err(Errno::ESRCH)
}

/// Checks that /proc exists and has the PIDs of this PID namespace: NSpid has the PID in the namespace of /proc, then
/// those in the namespaces below it.
///
/// # Errors
///
/// What is wrong with /proc, and what to do.
pub fn check_view() -> Result<(), String> {
    let path = "/proc/self/status";
    let status = fs::read(path).map_err(|error| {
        format!("cannot read {path}: {} (`mount -t proc proc /proc`)", reason(&error))
    })?;
    let line = status.split(|byte| *byte == b'\n').find_map(|line| line.strip_prefix(b"NSpid:"));
    let count = line.map_or(1, |line| line.split(|byte| *byte == b'\t').skip(1).count());
    match count {
        1 => Ok(()),
        _ => Err("/proc is that of another PID namespace (`mount -t proc proc /proc`)".to_owned()),
    }
}

/// A part of /proc/PID/stat.
#[derive(Debug, PartialEq, Eq)]
struct Stat {
    is_zombie: bool,
    /// When the process began, in ticks since boot: proc_pid_stat(5).
    ticks: u64,
}

impl Stat {
    /// Parses the file. The second field is the name of the process in parentheses, which may contain any others.
    fn parse(stat: &[u8]) -> Option<Stat> {
        let name = stat.iter().rposition(|byte| *byte == b')')?;
        let mut fields = str::from_utf8(&stat[name + 1..]).ok()?.split_ascii_whitespace();
        let (state, ticks) = (fields.next()?, fields.nth(18)?);
        Some(Stat { is_zombie: state == "Z", ticks: ticks.parse().ok()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::socket::holders::Task;

    fn own_start() -> (u64, u64) {
        let stat = fs::read("/proc/self/stat").expect("/proc");
        let ticks = Stat::parse(&stat).expect("a start").ticks;
        // A time namespace may shift it.
        let clock = BootClock::read().expect("a clock");
        let started = (0..).map(|n| n * 1_000_000_000).find(|ns| clock.ticks(*ns) > ticks);
        let second = started.expect("a later time") - 1_000_000_000;
        let started = (second..).step_by(1_000_000).find(|ns| clock.ticks(*ns) == ticks);
        (started.expect("the start"), ticks)
    }

    fn holder(pid: u32, started: u64) -> Holder {
        let command = crate::text::Name::new(b"x");
        let task = Rc::new(Task { pid, tid: None, is_io_worker: false, command, started });
        Holder { inode: 1, task, fd: 3, slot: None, ring_is_registered: false, nonblock: false }
    }

    #[test]
    fn another_process_with_the_same_pid_is_not_taken_for_the_holder() {
        let (started, ticks) = own_start();
        let pid = std::process::id();
        let processes = Processes::default();
        assert!(matches!(processes.of(&holder(pid, started)), Found::Process(_)));
        for other in [started + 10_000_000, started.saturating_sub(20_000_000), 0] {
            assert_eq!(processes.of(&holder(pid, other)), Found::Ended, "{ticks} {other}");
        }
        assert_eq!(processes.missing(), None);
    }

    #[test]
    fn a_pid_that_nobody_has() {
        let processes = Processes::default();
        assert_eq!(processes.of(&holder(i32::MAX as u32, 1)), Found::Ended);
        assert_eq!(processes.missing(), None);
    }

    #[test]
    fn the_name_of_a_process_cannot_forge_its_start() {
        let mut stat = b"7 (a) S 1) 1 1 (b)".to_vec();
        stat.extend_from_slice(b" Z 1 7 7 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 815 0 0\n");
        assert_eq!(Stat::parse(&stat), Some(Stat { is_zombie: true, ticks: 815 }));
        assert_eq!(Stat::parse(b"7 (a) S 1 7"), None);
        assert_eq!(Stat::parse(b""), None);
    }
}
