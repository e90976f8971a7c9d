//! Programs that were loaded together, and the opening of what they report.

use std::io;

use libbpf_rs::{Iter, IterOpts, Link, Object};

use crate::error::Error;
use crate::kernel::object::Part;
use crate::kernel::programs::{Program, Subject};
use crate::kernel::snapshot::Snapshot;
use crate::kernel::walk::{self, Guides, Walks};
use crate::kernel::{libbpf_log, refusal};

/// The section of the programs that iterate over descriptors: bpf/files.bpf.c
const BY_DESCRIPTOR: &str = "iter/task_file";

/// Programs that were loaded together.
pub struct Group {
    pub loaded: Vec<Loaded>,
    /// What the walks among them share.
    pub walks: Option<Walks>,
}

/// A loaded program.
pub struct Loaded {
    pub program: &'static Program,
    /// The attachment to an iterator, of a walk one for each lane.
    pub links: Vec<Link>,
    /// Whether the program reports all network namespaces in one reading, because it iterates over descriptors.
    is_by_descriptor: bool,
}

impl Loaded {
    pub fn reports_sockets(&self) -> bool {
        matches!(self.program.subject, Subject::Sockets(_))
    }
}

/// Opens an iterator, which by itself keeps the program in the kernel.
pub fn opened<T>(open: impl FnOnce() -> libbpf_rs::Result<T>) -> Result<T, Error> {
    libbpf_log::clear();
    open().map_err(|error| Error::OpenIterator(refusal::reason(&error)))
}

impl Group {
    pub fn attach(
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
    pub fn open(&self, snapshot: &mut Snapshot) -> Result<(), Error> {
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
    pub fn open_queues(&self, queues: &mut Snapshot) -> Result<(), Error> {
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
