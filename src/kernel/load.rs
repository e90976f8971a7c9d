//! Loads and attaches the BPF programs, and opens their iterators.

use std::io;

use libbpf_rs::{Iter, IterOpts, Link, Object, OpenObject};

use crate::error::{Error, LoadError};
use crate::kernel::abi::prefilter;
use crate::kernel::btf::{KernelBtf, MinimizedBtf};
use crate::kernel::capability;
use crate::kernel::object::{set_prefilter, Part};
use crate::kernel::programs::{Features, Program, Subject, When, PROGRAMS};
use crate::kernel::request::Request;
use crate::kernel::snapshot::Snapshot;
use crate::kernel::{libbpf_log, refusal};

/// The section of the programs that walk the descriptors: bpf/files.bpf.c
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

    /// The features of the kernel that programs depend on.
    pub fn features(&self) -> &Features {
        &self.features
    }

    /// Loads the programs that a request needs. A program that the kernel refuses is left out and
    /// reported by [`Programs::missing`].
    ///
    /// # Errors
    ///
    /// [`Error::Load`] when this host or this user cannot load programs, or with the first failure when
    /// every program that reports sockets is refused.
    pub fn load(&self, request: &Request) -> Result<Programs, Error> {
        capability::check()?;
        let needed = PROGRAMS.iter().filter(|it| it.is_needed(request, &self.features));
        let needed: Vec<&'static Program> = needed.collect();
        let mut programs = Programs { loaded: Vec::new(), refused: Vec::new() };
        for part in Part::ALL {
            let of_part = needed.iter().filter(|it| Part::of(it.name) == part);
            let of_part: Vec<&'static Program> = of_part.copied().collect();
            self.load_part(part, &of_part, &request.into(), &mut programs)?;
        }
        match programs.refused.first() {
            Some((_, first)) if programs.sockets().next().is_none() => Err(first.clone().into()),
            _ => Ok(programs),
        }
    }

    /// Loads the programs of one part: together or, if that fails, one by one.
    fn load_part(
        &self,
        part: Part,
        needed: &[&'static Program],
        prefilter: &prefilter,
        programs: &mut Programs,
    ) -> Result<(), LoadError> {
        if needed.is_empty() {
            return Ok(());
        }
        let first = match self.load_together(part, needed, prefilter) {
            Ok(loaded) => {
                programs.loaded.extend(loaded);
                return Ok(());
            }
            Err(error) if error.is_general() => return Err(error),
            Err(error) => error,
        };
        if let [program] = needed {
            programs.refused.push((program, first));
            return Ok(());
        }
        for program in needed {
            match self.load_together(part, &[program], prefilter) {
                Ok(loaded) => programs.loaded.extend(loaded),
                Err(error) if error.is_general() => return Err(first),
                Err(error) => programs.refused.push((program, error)),
            }
        }
        Ok(())
    }

    /// Loads and attaches programs of one part: all of them, or none.
    fn load_together(
        &self,
        part: Part,
        needed: &[&'static Program],
        prefilter: &prefilter,
    ) -> Result<Vec<Loaded>, LoadError> {
        libbpf_log::capture();
        libbpf_log::clear();
        let names: Vec<String> = needed.iter().map(|it| it.name_with(&self.features)).collect();
        let choose = |open: &mut OpenObject| {
            for mut program in open.progs_mut() {
                let is_needed = names.iter().any(|name| program.name() == name.as_str());
                program.set_autoload(is_needed);
            }
            set_prefilter(open, prefilter)
        };
        let attach_all = |object: &Object| {
            let named = needed.iter().zip(&names);
            named.map(|(program, name)| attach(object, program, name)).collect()
        };
        part.load(self.minimized_for(needed), choose, attach_all)
            .map_err(|error| refusal::reason(&error))
    }

    /// The file of types for these programs. `None` if libbpf has to search for the types, because one of
    /// them may be in a module.
    fn minimized_for(&self, needed: &[&Program]) -> Option<&MinimizedBtf> {
        let structures = needed.iter().filter_map(|program| match program.subject {
            Subject::Sockets(family) => family.structure(),
            Subject::Owners | Subject::Tasks => None,
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
        let everything = (&Request::everything()).into();
        for loaded in self.load_together(Part::of(program.name), &[program], &everything)? {
            Iter::new(&loaded.link).map_err(|error| refusal::reason(&error))?;
        }
        Ok(())
    }
}

/// The programs of a run. They can be read any number of times. The kernel frees them when this value and
/// every open iterator have been dropped.
pub struct Programs {
    loaded: Vec<Loaded>,
    refused: Vec<(&'static Program, LoadError)>,
}

/// A loaded program.
struct Loaded {
    program: &'static Program,
    link: Link,
    /// Whether the program walks descriptors, and so reports all network namespaces in one walk.
    is_by_descriptor: bool,
}

impl Programs {
    /// Opens the iterators that report the sockets of the network namespace of this thread, and adds them
    /// to a snapshot. A snapshot has only one iterator of a program that walks descriptors, for all
    /// namespaces.
    ///
    /// # Errors
    ///
    /// When the kernel refuses, for example because of too many open files.
    pub fn open(&self, snapshot: &mut Snapshot) -> Result<(), Error> {
        for loaded in self.sockets() {
            let rank = loaded.program.rank();
            if !(loaded.is_by_descriptor && snapshot.contains(rank)) {
                snapshot.add(rank, loaded.open()?);
            }
        }
        Ok(())
    }

    /// Opens a walk through all descriptors, which finds the processes that hold sockets. The walk begins
    /// with the first read. `None` if the request did not ask for it or the program was refused.
    ///
    /// # Errors
    ///
    /// When the kernel refuses, for example because of too many open files.
    pub fn owners(&self) -> Result<Option<Iter>, Error> {
        self.open_one(Subject::Owners)
    }

    /// Opens a walk through all tasks, which finds their network namespaces. `None` as in
    /// [`Programs::owners`].
    ///
    /// # Errors
    ///
    /// When the kernel refuses, for example because of too many open files.
    pub fn tasks(&self) -> Result<Option<Iter>, Error> {
        self.open_one(Subject::Tasks)
    }

    /// What is missing because a program was refused, why, and what to do, as the end of a sentence.
    /// `None` if nothing is missing.
    pub fn missing(&self) -> Option<String> {
        let (_, first) = self.refused.first()?;
        let mut programs: Vec<&Program> =
            self.refused.iter().map(|(program, _)| *program).collect();
        programs.sort_by_key(|program| program.rank());
        let subjects: Vec<String> = programs.iter().map(ToString::to_string).collect();
        Some(format!("{}: {}", subjects.join(", "), first.sentence()))
    }

    fn sockets(&self) -> impl Iterator<Item = &Loaded> {
        self.loaded.iter().filter(|it| matches!(it.program.subject, Subject::Sockets(_)))
    }

    fn open_one(&self, subject: Subject) -> Result<Option<Iter>, Error> {
        let loaded = self.loaded.iter().find(|it| it.program.subject == subject);
        loaded.map(Loaded::open).transpose()
    }
}

impl Loaded {
    /// Opens an iterator, which by itself keeps the program in the kernel.
    fn open(&self) -> Result<Iter, Error> {
        libbpf_log::clear();
        Iter::new(&self.link).map_err(|error| Error::OpenIterator(refusal::reason(&error)))
    }
}

/// Attaches a program to the iterator that its section names.
fn attach(object: &Object, program: &'static Program, name: &str) -> libbpf_rs::Result<Loaded> {
    let mut programs = object.progs_mut();
    let loaded = programs.find(|it| it.name() == name).ok_or_else(|| no_program(name))?;
    Ok(Loaded {
        program,
        link: loaded.attach_iter_with_opts(IterOpts::None)?,
        is_by_descriptor: loaded.section() == BY_DESCRIPTOR,
    })
}

fn no_program(name: &str) -> libbpf_rs::Error {
    let text = format!("there is no BPF program {name}");
    io::Error::new(io::ErrorKind::NotFound, text).into()
}
