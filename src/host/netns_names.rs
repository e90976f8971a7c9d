//! The names of network namespaces: those of ip-netns(8), else those of the containers that are in them.

use std::cell::Cell;
use std::collections::HashMap;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::error::reason;
use crate::host::netns_containers::Members;
use crate::host::netns_file::{is_missing, is_netns, open, remedy, shown};
use crate::text::escaped;

/// The directory in which ip(8) keeps the namespaces with names.
pub const NAMED: &str = "/run/netns";

/// The names of namespaces by inode number, as far as they can be read.
#[derive(Debug, Default)]
pub struct Names {
    by_inode: HashMap<u32, Vec<u8>>,
    /// Why some names of ip-netns(8) may be missing,
    obstacle: Option<String>,
    /// and those of containers.
    of_containers: Option<String>,
    /// Whether a name was requested that may be among the missing names.
    is_missed: Cell<bool>,
    /// Whether names of containers are shown as far as they are known, because nobody has asked for names.
    containers_are_optional: bool,
}

impl Names {
    /// Reads all names.
    pub fn read() -> Names {
        let mut names = Names::default();
        match entries(Path::new(NAMED)) {
            Ok(paths) => paths.iter().for_each(|path| names.add(path)),
            Err(error) => names.note(Path::new(NAMED), &error),
        }
        let (containers, obstacle) = Members::read().namespaces();
        names.of_containers = obstacle;
        for (inode, container) in containers {
            names.by_inode.entry(inode).or_insert_with(|| container.word().into_bytes());
        }
        names
    }

    /// Returns the same names, of which none of a container is reported as missing. Other users' processes may be hidden.
    pub fn with_optional_containers(self) -> Names {
        Names { containers_are_optional: true, ..self }
    }

    /// Adds a name. If its namespace is not mounted yet, the name is an empty file of another file
    /// system, with an arbitrary inode number.
    fn add(&mut self, path: &Path) {
        let number = || {
            let file = open(path)?;
            Ok(is_netns(&file)?.then_some(file.metadata()?.ino() as u32))
        };
        match number() {
            Ok(inode) => {
                let name = path.file_name().map(|name| name.as_encoded_bytes().to_vec());
                self.by_inode.extend(inode.zip(name));
            }
            Err(error) if is_missing(&error) => {}
            Err(error) => self.note(path, &error),
        }
    }

    fn note(&mut self, path: &Path, error: &io::Error) {
        let why = || format!("cannot open {}: {}{}", shown(path), reason(error), remedy(error));
        self.obstacle.get_or_insert_with(why);
    }

    /// The name of the namespace with this inode number.
    pub fn of(&self, inode: u32) -> Option<&[u8]> {
        let name = self.by_inode.get(&inode);
        self.is_missed.set(self.is_missed.get() || name.is_none());
        name.map(Vec::as_slice)
    }

    /// Whether a namespace that has no name here has none at all.
    pub fn are_complete(&self) -> bool {
        self.obstacle.is_none() && self.of_containers.is_none()
    }

    /// What is missing of the requested names, as the end of a sentence. `None` if nothing is.
    pub fn missing(&self) -> Option<String> {
        let of_containers = self.of_containers.as_ref().filter(|_| !self.containers_are_optional);
        let why = self.obstacle.as_ref().or(of_containers).filter(|_| self.is_missed.get());
        why.map(|why| format!("names of network namespaces: {why}"))
    }

    /// The names alone, sorted.
    pub fn sorted(&self) -> Vec<&Vec<u8>> {
        let mut names: Vec<&Vec<u8>> = self.by_inode.values().collect();
        names.sort_unstable();
        names
    }
}

/// All names of ip-netns(8), escaped, and all containers, as far as they can be read. No namespace is opened.
pub fn named() -> Vec<String> {
    let paths = entries(Path::new(NAMED)).unwrap_or_default().into_iter();
    let names = paths.filter_map(|path| Some(escaped(path.file_name()?.as_encoded_bytes())));
    let mut containers: Vec<String> =
        Members::read().all.iter().map(|member| member.container.word()).collect();
    containers.sort_unstable();
    containers.dedup();
    names.chain(containers).collect()
}

/// The paths in a directory, sorted. Empty if there is no such directory.
///
/// # Errors
///
/// When the directory cannot be read.
pub fn entries(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut paths = entries
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<io::Result<Vec<PathBuf>>>()?;
    paths.sort();
    Ok(paths)
}
