//! Loads the BPF programs that a request needs.

use std::io;
use std::mem::take;
use std::panic::resume_unwind;
use std::ptr;
use std::thread::{self, ScopedJoinHandle};

use libbpf_rs::{Iter, Object, OpenObject};

use crate::error::{Error, LoadError};
use crate::kernel::abi::{prefilter, walk_parameters};
use crate::kernel::btf::{KernelBtf, MinimizedBtf};
use crate::kernel::capability;
use crate::kernel::family::Family;
use crate::kernel::group::Group;
use crate::kernel::object::{set_prefilter, set_walks, Part};
use crate::kernel::program_set::Programs;
use crate::kernel::programs::{Features, Program, Subject, When, PROGRAMS};
use crate::kernel::request::Request;
use crate::kernel::shared::{self, Shared, WalkOfPin, CALLS_OF_RECORDS};
use crate::kernel::shares::{self, Share};
use crate::kernel::snapshot::Snapshot;
use crate::kernel::walk::{self, Guides, PLACES};
use crate::kernel::{handler, libbpf_log, refusal};

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
