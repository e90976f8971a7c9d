//! The programs of a run, in groups that were loaded together, or pins in their place.

use std::io;
use std::path::{Path, PathBuf};
use std::ptr;
use std::time::Duration;

use libbpf_rs::{Iter, Link};

use crate::error::{is_too_many_files, reason, Error, LoadError};
use crate::kernel::group::{opened, Group, Loaded};
use crate::kernel::object::Part;
use crate::kernel::pins::{command_to_make, Pin, Pins};
use crate::kernel::programs::{Features, Program, Subject, When, PROGRAMS};
use crate::kernel::request::Request;
use crate::kernel::shared::{Shared, WalkOfPin};
use crate::kernel::snapshot::Snapshot;
use crate::kernel::walk::Walks;
use crate::kernel::{libbpf_log, refusal};

/// The programs of a run. They can be read any number of times. The kernel frees them when this value and
/// every open iterator have been dropped.
#[derive(Default)]
pub struct Programs {
    pub(super) groups: Vec<Group>,
    /// Programs that another process has loaded.
    pins: Vec<Pin>,
    pub(super) refused: Vec<(&'static Program, LoadError)>,
}

impl Programs {
    /// The pinned programs that a request needs. One that is not pinned is reported by [`Programs::missing`], unless
    /// the kernel may have no such iterator.
    pub fn of_pins(pins: &Pins, request: &Request) -> Programs {
        let mut programs = Programs::default();
        for program in Programs::pinned_for(request) {
            match pins.of(program) {
                Some(pin) => programs.pins.push(pin.clone()),
                None if matches!(program.when, When::Iterator(_)) => {}
                None if pins.have_walk_for(program) => {}
                None => {
                    let make = command_to_make(&pins.place);
                    let how = format!(
                        "an administrator pins them: {make}, for processes with --with-owners"
                    );
                    let refused = LoadError::NotPinned { place: pins.place.clone(), how };
                    programs.refused.push((program, refused));
                }
            }
        }
        programs
    }

    /// The programs that a request needs if they are pinned. None of them is a walk, whose maps belong to one reader.
    pub fn pinned_for(request: &Request) -> impl Iterator<Item = &'static Program> + '_ {
        let features = Features::of(None);
        PROGRAMS.iter().filter(move |it| it.is_needed(request, &features))
    }

    /// Pins each program, or the walk that replaces it, at a path of a BPF file system. It stays loaded as long as the
    /// file exists. Returns the programs with their paths.
    ///
    /// # Errors
    ///
    /// When the kernel refuses: bpf(2), BPF_OBJ_PIN.
    pub fn pin(
        &mut self,
        walks: &mut [Shared],
        path: impl Fn(&Program) -> PathBuf,
    ) -> Result<Vec<(&'static Program, PathBuf)>, LoadError> {
        let mut pinned = Vec::new();
        let names = self.groups.iter().flat_map(|group| &group.loaded).map(|it| it.program.name);
        let names: Vec<&str> = names.collect();
        for loaded in self.groups.iter_mut().flat_map(|group| &mut group.loaded) {
            let (name, path) = (loaded.program.name, path(loaded.program));
            let mut walks = walks.iter_mut();
            match walks.find(|walk| walk.replaces(name) && names.contains(&walk.place())) {
                Some(walk) if walk.place() == name => pin(&mut walk.link, &path)?,
                Some(_) => continue,
                None => loaded.links.iter_mut().try_for_each(|link| pin(link, &path))?,
            }
            pinned.push((loaded.program, path));
        }
        Ok(pinned)
    }

    /// Opens the iterators and walks that report the sockets of the network namespace of this thread, and adds them
    /// to a snapshot. Those that can report all namespaces at once are in a snapshot only once. The namespace must exist
    /// until the snapshot has been read, for which a socket in it suffices.
    ///
    /// # Errors
    ///
    /// When the kernel refuses, for example because of too many open files.
    pub fn open(&self, snapshot: &mut Snapshot) -> Result<(), Error> {
        for group in &self.groups {
            group.open(snapshot)?;
        }
        self.add_pins(snapshot, |it| matches!(it, Subject::Sockets(_)))
    }

    /// Opens what reports the accept queues of the network namespace of this thread, and adds it to a snapshot of its
    /// own, as [`Programs::open`] does. It has to be read before that of the sockets, with which it shares buffers.
    ///
    /// # Errors
    ///
    /// When the kernel refuses, for example because of too many open files.
    pub fn open_queues(&self, queues: &mut Snapshot) -> Result<(), Error> {
        self.groups.iter().try_for_each(|group| group.open_queues(queues))?;
        self.add_pins(queues, |it| it == Subject::Queues)
    }

    /// Opens the pinned programs of some subjects, and adds them to a snapshot.
    fn add_pins(
        &self,
        snapshot: &mut Snapshot,
        is_such: impl Fn(Subject) -> bool,
    ) -> Result<(), Error> {
        for pin in self.pins.iter().filter(|pin| is_such(pin.program.subject)) {
            let open = pin.open().map_err(|error| Error::OpenIterator(of_file(pin, &error)))?;
            match pin.is_walk {
                true => snapshot.add(pin.program.rank(), WalkOfPin::new(open)),
                false => snapshot.add(pin.program.rank(), open),
            }
        }
        Ok(())
    }

    pub(super) fn add(&mut self, group: Group) {
        self.groups.push(group);
    }

    pub(super) fn append(&mut self, other: Programs) {
        self.groups.extend(other.groups);
        self.pins.extend(other.pins);
        self.refused.extend(other.refused);
    }

    /// Opens an iteration over all descriptors, which finds the processes that hold sockets. It begins
    /// with the first read. `None` if the request did not ask for it or the program was refused.
    ///
    /// # Errors
    ///
    /// When the kernel refuses, for example because of too many open files.
    pub fn owners(&self) -> Result<Option<Snapshot>, Error> {
        let mut snapshot = Snapshot::default();
        for group in &self.groups {
            let of_owners = |it: &&Loaded| it.program.subject == Subject::Owners;
            let Some(loaded) = group.loaded.iter().find(of_owners) else { continue };
            let rank = loaded.program.rank();
            match (&group.walks, loaded.links.first()) {
                (Some(walks), _) => {
                    snapshot.add_walk(rank, opened(|| walks.open_holders(&loaded.links))?);
                }
                (None, Some(link)) => snapshot.add(rank, opened(|| Iter::new(link))?),
                (None, None) => continue,
            }
            return Ok(Some(snapshot));
        }
        self.add_pins(&mut snapshot, |it| it == Subject::Owners)?;
        let is_pinned = self.pins.iter().any(|pin| pin.program.subject == Subject::Owners);
        Ok(is_pinned.then_some(snapshot))
    }

    /// Whether every holder of a socket can be found that this kernel lets find. No pin shows messages or what is
    /// registered with an io_uring.
    pub fn find_all_holders(&self) -> bool {
        self.pins.is_empty()
    }

    /// Opens a walk that finds the sockets in messages, in the network namespaces of the snapshot that is opened
    /// afterwards. It must be read before that snapshot. `None` as in [`Programs::owners`].
    ///
    /// # Errors
    ///
    /// When the kernel refuses, for example because of too many open files.
    pub fn messages(&self) -> Result<Option<Snapshot>, Error> {
        let mut snapshot = Snapshot::default();
        for group in &self.groups {
            let loaded = group.loaded.iter().find(|it| it.program.subject == Subject::Messages);
            if let (Some(walks), Some(loaded)) = (&group.walks, loaded) {
                let lanes = opened(|| walks.open(&loaded.links))?;
                snapshot.add_walk(loaded.program.rank(), lanes);
                return Ok(Some(snapshot));
            }
        }
        Ok(None)
    }

    /// Opens an iteration over all tasks, which finds their network namespaces. `None` as in
    /// [`Programs::owners`].
    ///
    /// # Errors
    ///
    /// When the kernel refuses, for example because of too many open files.
    pub fn tasks(&self) -> Result<Option<Iter>, Error> {
        let loaded = self.loaded().find(|it| it.program.subject == Subject::Tasks);
        let link = loaded.and_then(|loaded| loaded.links.first());
        link.map(|link| opened(|| Iter::new(link))).transpose()
    }

    /// The programs that report sockets.
    pub fn of_sockets(&self) -> impl Iterator<Item = &'static Program> + '_ {
        let loaded = self.loaded().map(|loaded| loaded.program);
        let all = loaded.chain(self.pins.iter().map(|pin| pin.program));
        all.filter(|program| matches!(program.subject, Subject::Sockets(_)))
    }

    /// The programs before which the kernel takes the lock of each socket, by rank.
    pub fn with_locks(&self) -> impl Iterator<Item = &'static Program> + '_ {
        let loaded = self.loaded().map(|loaded| loaded.program);
        let pins = self.pins.iter().filter(|pin| !pin.is_walk).map(|pin| pin.program);
        let locking: Vec<_> = loaded.chain(pins).filter(|it| it.takes_locks).collect();
        PROGRAMS.iter().filter(move |it| locking.iter().any(|other| ptr::eq(*other, *it)))
    }

    /// The duration of the longest call of a walk so far. `None` if nothing is walked.
    pub fn longest_call(&self) -> Option<Duration> {
        self.groups.iter().filter_map(|group| Some(group.walks.as_ref()?.longest_call())).max()
    }

    /// The inodes of sockets that the programs need.
    pub fn own_inodes(&self) -> Vec<u64> {
        let walks = self.groups.iter().filter_map(|group| group.walks.as_ref());
        walks.flat_map(Walks::own_inodes).collect()
    }

    /// What is missing because a program was refused, why, and what to do, as the end of a sentence.
    /// `None` if nothing is missing.
    pub fn missing(&self) -> Option<String> {
        let first = self.first_refused()?;
        let mut programs: Vec<&Program> =
            self.refused.iter().map(|(program, _)| *program).collect();
        programs.sort_by_key(|program| program.rank());
        let subjects: Vec<String> = programs.iter().map(ToString::to_string).collect();
        Some(format!("{}: {}", subjects.join(", "), first.sentence()))
    }

    /// Why the first program was refused, of those that were: the same for any number of threads.
    pub(super) fn first_refused(&self) -> Option<&LoadError> {
        let first = self.refused.iter().min_by_key(|(it, _)| (Part::of(it.name), it.rank()));
        first.map(|(_, why)| why)
    }

    fn loaded(&self) -> impl Iterator<Item = &Loaded> {
        self.groups.iter().flat_map(|group| &group.loaded)
    }
}

/// Pins an iterator at a path of a BPF file system.
///
/// # Errors
///
/// When the kernel refuses: bpf(2), BPF_OBJ_PIN.
pub fn pin(link: &mut Link, path: &Path) -> Result<(), LoadError> {
    libbpf_log::clear();
    link.pin(path).map_err(|error| refusal::reason(&error))
}

/// The reason why a pin cannot be opened.
fn of_file(pin: &Pin, error: &io::Error) -> LoadError {
    match error.kind() {
        _ if is_too_many_files(error) => LoadError::TooManyFiles,
        io::ErrorKind::PermissionDenied => LoadError::PinDenied { how: pin.how_to_get() },
        _ => LoadError::Other(format!("a pin: {}", reason(error))),
    }
}
