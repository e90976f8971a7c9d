//! Loads and attaches the BPF programs, and opens their iterators.

use std::io;
use std::mem::take;
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::ptr;
use std::thread::{self, ScopedJoinHandle};
use std::time::Duration;

pub use libbpf_rs::Link;
use libbpf_rs::{Iter, IterOpts, Object, OpenObject};

use crate::error::{is_too_many_files, reason, Error, LoadError};
use crate::kernel::abi::{prefilter, walk_parameters};
use crate::kernel::btf::{KernelBtf, MinimizedBtf};
use crate::kernel::capability;
use crate::kernel::family::Family;
use crate::kernel::object::{set_prefilter, set_walks, Part};
use crate::kernel::pins::{command_to_make, Pin, Pins};
use crate::kernel::programs::{Features, Program, Subject, When, PROGRAMS};
use crate::kernel::request::Request;
use crate::kernel::shared::{self, Shared, WalkOfPin, CALLS_OF_RECORDS};
use crate::kernel::shares::{self, Share};
use crate::kernel::snapshot::Snapshot;
use crate::kernel::walk::{self, Guides, Walks, PLACES};
use crate::kernel::{handler, libbpf_log, refusal};

/// The section of the programs that iterate over descriptors: bpf/files.bpf.c
const BY_DESCRIPTOR: &str = "iter/task_file";

/// Loads the variants of the programs that the running kernel supports.
pub struct Loader {
    btf: Option<KernelBtf>,
    minimized: Option<MinimizedBtf>,
    features: Features,
}

impl Default for Loader {
    fn default() -> Loader {
        Loader::new()
    }
}

impl Loader {
    /// Reads the features of the running kernel.
    pub fn new() -> Loader {
        let btf = KernelBtf::load();
        let minimized = btf.as_ref().and_then(KernelBtf::minimize);
        let features = Features::of(btf.as_ref());
        Loader { btf, minimized, features }
    }

    /// The kernel's types, if they could be read.
    pub fn btf(&self) -> Option<&KernelBtf> {
        self.btf.as_ref()
    }

    /// The kernel's types that the programs refer to. `None` if libbpf has to search for them.
    pub(super) fn minimized(&self) -> Option<&MinimizedBtf> {
        self.minimized.as_ref()
    }

    /// The features of the kernel that programs depend on.
    pub fn features(&self) -> &Features {
        &self.features
    }

    /// Unless walks are permitted, makes the loader use the kernel's iterators, as on a kernel whose tables cannot be
    /// walked.
    pub fn with_walks(mut self, are_permitted: bool) -> Loader {
        if !are_permitted {
            self.features.walks.clear();
        }
        self
    }

    /// Loads the programs that a request needs. The kernel's iterators replace a walk that it refuses. Another
    /// program that it refuses is left out and reported by [`Programs::missing`].
    ///
    /// # Errors
    ///
    /// [`Error::Load`] when this host or this user cannot load programs, or with the first failure when
    /// every program that reports sockets is refused.
    pub fn load(&self, request: &Request) -> Result<Programs, Error> {
        capability::check()?;
        let threads = walk::lanes() as usize;
        let programs = match self.load_on(threads, request) {
            // One thread needs less memory and fewer descriptors at once.
            Err(error) if threads > 1 && error.is_general() => self.load_on(1, request),
            result => result,
        }?;
        match programs.first_refused() {
            Some(first) if programs.of_sockets().next().is_none() => Err(first.clone().into()),
            _ => Ok(programs),
        }
    }

    /// Loads the programs that a request needs, on this many threads.
    fn load_on(&self, threads: usize, request: &Request) -> Result<Programs, LoadError> {
        let needed = |features: &Features| -> Vec<&'static Program> {
            PROGRAMS.iter().filter(|it| it.is_needed(request, features)).collect()
        };
        let first = needed(&self.features);
        let mut programs = self.load_all(&first, threads, request)?;
        // Other programs replace a walk, but that of messages.
        let is_replaced = |it: &Program| it.when == When::Walk && it.subject != Subject::Messages;
        let (replaced, lost) =
            take(&mut programs.refused).into_iter().partition(|(it, _)| is_replaced(it));
        programs.refused = lost;
        let mut features = self.features.clone();
        let is_walked = |subject: &Subject| replaced.iter().all(|(it, _)| it.subject != *subject);
        features.walks.retain(is_walked);
        let mut others = needed(&features);
        others.retain(|it| !first.iter().any(|other| ptr::eq(*it, *other)));
        programs.append(self.load_all(&others, threads, request)?);
        Ok(programs)
    }

    /// Loads programs on this many threads.
    fn load_all(
        &self,
        needed: &[&'static Program],
        threads: usize,
        request: &Request,
    ) -> Result<Programs, LoadError> {
        let shares = shares::of(needed, threads);
        let load = |share| self.load_share(share, request);
        let mut programs = Programs::default();
        let Some((first, others)) = shares.split_first().filter(|_| threads > 1) else {
            shares.iter().try_for_each(|share| load(share).map(|it| programs.append(it)))?;
            return Ok(programs);
        };
        // libbpf has no lock for its list of handlers.
        self.minimized.iter().for_each(|btf| handler::register(btf.iterators()));
        thread::scope(|scope| {
            let start = |share| thread::Builder::new().spawn_scoped(scope, move || load(share));
            let started: Vec<_> = others.iter().map(|share| (share, start(share))).collect();
            programs.append(load(first)?);
            for (share, thread) in started {
                programs.append(match thread.map(ScopedJoinHandle::join) {
                    Ok(Ok(loaded)) => loaded?,
                    Ok(Err(panic)) => resume_unwind(panic),
                    // Without another thread, it takes longer.
                    Err(_) => load(share)?,
                });
            }
            Ok(programs)
        })
    }

    /// Loads the programs of a share: together or, if that fails, one by one.
    fn load_share(&self, share: &Share, request: &Request) -> Result<Programs, LoadError> {
        let mut programs = Programs::default();
        let first = match self.load_together(share.part, &share.programs, request) {
            Ok(loaded) => {
                programs.add(loaded);
                return Ok(programs);
            }
            Err(error) if error.is_general() => return Err(error),
            Err(error) => error,
        };
        if let [program] = *share.programs {
            programs.refused.push((program, first));
            return Ok(programs);
        }
        for program in &share.programs {
            match self.load_together(share.part, &[program], request) {
                Ok(loaded) => programs.add(loaded),
                Err(error) if error.is_general() => return Err(first),
                Err(error) => programs.refused.push((program, error)),
            }
        }
        Ok(programs)
    }

    /// Loads and attaches programs of one part: all of them, or none.
    fn load_together(
        &self,
        part: Part,
        needed: &[&'static Program],
        request: &Request,
    ) -> Result<Group, LoadError> {
        libbpf_log::capture();
        libbpf_log::clear();
        let names: Vec<String> = needed.iter().map(|it| it.name_with(&self.features)).collect();
        let prefilter: prefilter = request.into();
        let guides = match part {
            Part::Walks => {
                let families: Vec<Family> = needed.iter().filter_map(|it| it.family()).collect();
                Guides::open(request, &families)
            }
            Part::Tables | Part::Files | Part::Pins => Guides::default(),
        };
        let [udplite_fd, raw_fd, raw6_fd] = guides.numbers();
        let lanes = walk::lanes();
        let parameters = walk_parameters { lanes, udplite_fd, raw_fd, raw6_fd };
        let has_descriptors = needed.iter().any(|it| it.walks_descriptors());
        let choose = |open: &mut OpenObject| {
            for mut program in open.progs_mut() {
                let is_needed = names.iter().any(|name| program.name() == name.as_str())
                    || part == Part::Walks && program.name() == PLACES;
                program.set_autoload(is_needed);
            }
            if part == Part::Walks {
                set_walks(open, &parameters, request.every_netns, has_descriptors)?;
            }
            set_prefilter(open, &prefilter)
        };
        let attach = |object: &Object| Group::attach(part, object, needed, &names, guides);
        part.load(self.minimized_for(needed), choose, attach)
            .map_err(|error| refusal::reason(&error))
    }

    /// Loads walks that can be pinned in place of the kernel's iterators, as far as this kernel permits it.
    pub fn load_shared(&self, request: &Request) -> Vec<Shared> {
        libbpf_log::capture();
        let possible = Shared::ALL.into_iter().filter(|it| shared::can_walk(&self.features, it.2));
        let load = |(name, replaced, _)| {
            libbpf_log::clear();
            let choose = |open: &mut OpenObject| {
                shared::choose(open, name, Some(CALLS_OF_RECORDS))?;
                set_prefilter(open, &request.into())
            };
            let attach = |object: &Object| shared::attach(object, name);
            let link = Part::Pins.load(self.minimized(), choose, attach).ok()?;
            // A walk that does not find the table fails.
            let mut walk = WalkOfPin::new(Iter::new(&link).ok()?);
            io::copy(&mut walk, &mut io::sink()).ok()?;
            Some(Shared::new(link, replaced))
        };
        possible.filter_map(load).collect()
    }

    /// The file of types for these programs. `None` if libbpf has to search for the types, because one of
    /// them may be in a module.
    fn minimized_for(&self, needed: &[&Program]) -> Option<&MinimizedBtf> {
        let structures = needed.iter().filter_map(|program| match program.subject {
            Subject::Sockets(family) => family.structure(),
            Subject::Queues | Subject::Owners | Subject::Messages | Subject::Tasks => None,
        });
        let btf = self.btf.as_ref()?;
        let are_known = structures.into_iter().all(|name| btf.has_type(name));
        self.minimized.as_ref().filter(|_| are_known)
    }

    /// Loads one program and opens its iterator, to find out whether this host permits it.
    ///
    /// # Errors
    ///
    /// Why this host does not permit it.
    pub fn probe(&self, program: &'static Program) -> Result<(), LoadError> {
        if matches!(program.when, When::Iterator(name) if !self.features.has_iterator(name)) {
            return Err(LoadError::NoIterator);
        }
        let part = Part::of(program.name);
        let mut programs = Programs::default();
        programs.add(self.load_together(part, &[program], &Request::everything())?);
        let opened = match program.subject {
            Subject::Sockets(_) => programs.open(&mut Snapshot::default()),
            Subject::Queues => programs.open_queues(&mut Snapshot::default()),
            Subject::Owners => programs.owners().map(drop),
            Subject::Messages => programs.messages().map(drop),
            Subject::Tasks => programs.tasks().map(drop),
        };
        match opened {
            Err(Error::OpenIterator(error)) => Err(error),
            Err(error) => Err(LoadError::Other(error.to_string())),
            Ok(()) => Ok(()),
        }
    }
}

/// The programs of a run. They can be read any number of times. The kernel frees them when this value and
/// every open iterator have been dropped.
#[derive(Default)]
pub struct Programs {
    groups: Vec<Group>,
    /// Programs that another process has loaded.
    pins: Vec<Pin>,
    refused: Vec<(&'static Program, LoadError)>,
}

/// Programs that were loaded together.
struct Group {
    loaded: Vec<Loaded>,
    /// What the walks among them share.
    walks: Option<Walks>,
}

/// A loaded program.
struct Loaded {
    program: &'static Program,
    /// The attachment to an iterator, of a walk one for each lane.
    links: Vec<Link>,
    /// Whether the program reports all network namespaces in one reading, because it iterates over descriptors.
    is_by_descriptor: bool,
}

impl Loaded {
    fn reports_sockets(&self) -> bool {
        matches!(self.program.subject, Subject::Sockets(_))
    }
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

    fn add(&mut self, group: Group) {
        self.groups.push(group);
    }

    fn append(&mut self, other: Programs) {
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
    fn first_refused(&self) -> Option<&LoadError> {
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

/// Opens an iterator, which by itself keeps the program in the kernel.
fn opened<T>(open: impl FnOnce() -> libbpf_rs::Result<T>) -> Result<T, Error> {
    libbpf_log::clear();
    open().map_err(|error| Error::OpenIterator(refusal::reason(&error)))
}

impl Group {
    fn attach(
        part: Part,
        object: &Object,
        needed: &[&'static Program],
        names: &[String],
        guides: Guides,
    ) -> libbpf_rs::Result<Group> {
        let lanes = walk::lanes() as usize;
        let walks = match part {
            Part::Walks => {
                let has_descriptors = needed.iter().any(|it| it.walks_descriptors());
                Some(Walks::of(object, lanes, has_descriptors, guides)?)
            }
            Part::Tables | Part::Files | Part::Pins => None,
        };
        let missing = walks.as_ref().map(Walks::missing).transpose()?.unwrap_or_default();
        let is_missing = |it: &&&Program| it.family().is_some_and(|it| missing.contains(&it));
        if let Some(program) = needed.iter().find(is_missing) {
            let why = format!("{} finds no table", program.name);
            return Err(io::Error::new(io::ErrorKind::NotFound, why).into());
        }
        let attach = |(program, name): (&&'static Program, &String)| {
            let mut programs = object.progs_mut();
            let loaded = programs.find(|it| it.name() == name.as_str());
            let loaded = loaded.ok_or_else(|| no_program(name))?;
            let links = match part {
                Part::Walks => walk::attach(object, &loaded, lanes)?,
                Part::Tables | Part::Files | Part::Pins => {
                    vec![loaded.attach_iter_with_opts(IterOpts::None)?]
                }
            };
            let is_by_descriptor = loaded.section() == BY_DESCRIPTOR;
            Ok(Loaded { program, links, is_by_descriptor })
        };
        let loaded = needed.iter().zip(names).map(attach).collect::<libbpf_rs::Result<_>>()?;
        Ok(Group { loaded, walks })
    }

    /// Opens what reports sockets.
    fn open(&self, snapshot: &mut Snapshot) -> Result<(), Error> {
        if let Some(walks) = &self.walks {
            return self.open_walks(walks, snapshot);
        }
        for loaded in self.loaded.iter().filter(|it| it.reports_sockets()) {
            let rank = loaded.program.rank();
            if !(loaded.is_by_descriptor && snapshot.contains(rank)) {
                for link in &loaded.links {
                    snapshot.add(rank, opened(|| Iter::new(link))?);
                }
            }
        }
        Ok(())
    }

    /// Opens what reports accept queues. Its walk goes through the namespaces that were added for the others.
    fn open_queues(&self, queues: &mut Snapshot) -> Result<(), Error> {
        for loaded in self.loaded.iter().filter(|it| it.program.subject == Subject::Queues) {
            let rank = loaded.program.rank();
            match &self.walks {
                Some(_) if queues.contains(rank) => {}
                Some(walks) => queues.add_walk(rank, opened(|| walks.open(&loaded.links))?),
                None => {
                    for link in &loaded.links {
                        queues.add(rank, opened(|| Iter::new(link))?);
                    }
                }
            }
        }
        Ok(())
    }

    /// Adds the network namespace of this thread to the walks, and opens those that the snapshot does not have.
    fn open_walks(&self, walks: &Walks, snapshot: &mut Snapshot) -> Result<(), Error> {
        for loaded in self.loaded.iter().filter(|it| it.reports_sockets()) {
            let rank = loaded.program.rank();
            if !snapshot.contains(rank) {
                snapshot.add_walk(rank, opened(|| walks.open(&loaded.links))?);
            }
        }
        // All walks but that of descriptors share what they find out about a namespace.
        match self.loaded.iter().find(|it| it.program.subject != Subject::Owners) {
            Some(first) => snapshot.add_place(first.program.rank(), || opened(|| walks.places())),
            None => Ok(()),
        }
    }
}

/// The error for a program that an object does not have.
pub(super) fn no_program(name: &str) -> libbpf_rs::Error {
    let text = format!("there is no BPF program {name}");
    io::Error::new(io::ErrorKind::NotFound, text).into()
}
