//! The kernel's types, of those only what the programs read.
//!
//! libbpf looks for each type that a program names among all of the kernel's, of which there are a
//! hundred thousand, one time after the other; and where there is none, among those of each module.
//! That would be most of a start. So it gets a file with the few that it can find, which is made in
//! one pass: include/uapi/linux/btf.h and Documentation/bpf/btf.rst describe it. That pass also finds
//! what stands for the kernel's iterators, for which libbpf would read all the types once more.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read, Write};
use std::ops::Deref;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::PathBuf;

use nix::sys::memfd::{memfd_create, MFdFlags};

use crate::sys::TypesMapping;

/// The names of the structures, unions and enumerations that the programs read: by build.rs, sorted.
static NAMED: &[&str] = &include!(concat!(env!("OUT_DIR"), "/types.rs"));

/// The kinds of types.
mod kind {
    pub const INT: u32 = 1;
    pub const PTR: u32 = 2;
    pub const ARRAY: u32 = 3;
    pub const STRUCT: u32 = 4;
    pub const UNION: u32 = 5;
    pub const ENUM: u32 = 6;
    pub const FWD: u32 = 7;
    pub const TYPEDEF: u32 = 8;
    pub const VOLATILE: u32 = 9;
    pub const CONST: u32 = 10;
    pub const RESTRICT: u32 = 11;
    pub const FUNC: u32 = 12;
    pub const FUNC_PROTO: u32 = 13;
    pub const VAR: u32 = 14;
    pub const DATASEC: u32 = 15;
    pub const FLOAT: u32 = 16;
    pub const DECL_TAG: u32 = 17;
    pub const TYPE_TAG: u32 = 18;
    pub const ENUM64: u32 = 19;
}

/// How long the header of a file is, and of a type.
const HEADER: usize = 24;
const TYPE: usize = 12;

/// What the functions are called whose types stand for an iterator: include/linux/bpf.h,
/// BPF_ITER_FUNC_PREFIX.
const ITERATOR: &[u8] = b"bpf_iter_";

/// A file with types, which lives as long as this.
pub struct TypesFile {
    file: OwnedFd,
    iterators: Vec<IteratorType>,
}

/// An iterator of the kernel, and the number of the type that stands for it.
#[derive(Clone, Debug, PartialEq)]
pub struct IteratorType {
    pub name: String,
    pub id: u32,
}

impl TypesFile {
    /// Those of the kernel's types that the programs may need, out of the file that it tells them in.
    /// None where one of the `needed` is not among them, but perhaps in a module; where they cannot be
    /// told apart, or the new file could not be found by its path: then libbpf has to look for itself.
    pub fn of_kernel(kernel: &str, needed: &[&str]) -> Option<TypesFile> {
        let whole = Contents::of(kernel).ok()?;
        let (selected, iterators) = Types::parse(&whole)?.select(NAMED, needed)?;
        let file = File::from(memfd_create(c"types", MFdFlags::MFD_CLOEXEC).ok()?);
        (&file).write_all(&selected).ok()?;
        let file = TypesFile { file: file.into(), iterators };
        file.path().exists().then_some(file)
    }

    /// The iterators that the kernel has.
    pub fn iterators(&self) -> &[IteratorType] {
        &self.iterators
    }

    /// Where libbpf finds it.
    pub fn path(&self) -> PathBuf {
        format!("/proc/self/fd/{}", self.file.as_raw_fd()).into()
    }
}

/// A whole file: where the kernel lets it be mapped, since 6.16 with its types, it is not copied.
enum Contents {
    Mapped(TypesMapping),
    Copied(Vec<u8>),
}

impl Contents {
    fn of(path: &str) -> io::Result<Contents> {
        let mut file = File::open(path)?;
        if let Ok(mapping) = TypesMapping::of(&file) {
            return Ok(Contents::Mapped(mapping));
        }
        let mut copy = Vec::new();
        file.read_to_end(&mut copy)?;
        Ok(Contents::Copied(copy))
    }
}

impl Deref for Contents {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Contents::Mapped(mapping) => mapping,
            Contents::Copied(copy) => copy,
        }
    }
}

/// The types of a file.
struct Types<'a> {
    /// All types, one behind the other.
    types: &'a [u8],
    /// Where each begins, by its number; number 0 is `void`, which is nowhere.
    places: Vec<usize>,
    strings: &'a [u8],
}

impl<'a> Types<'a> {
    /// Takes apart a file that is in the byte order of this machine.
    fn parse(file: &'a [u8]) -> Option<Types<'a>> {
        const MAGIC: u16 = 0xeb9f;
        if file.get(..2)? != MAGIC.to_ne_bytes() {
            return None;
        }
        let header = word(file, 4)?;
        let part = |at: usize| {
            let begin = header.checked_add(word(file, at)?)?;
            file.get(begin..begin.checked_add(word(file, at + 4)?)?)
        };
        let (types, strings) = (part(8)?, part(16)?);
        let mut places = vec![0];
        let mut place = 0;
        while place < types.len() {
            places.push(place);
            place += length(types, place)?;
        }
        Some(Types { types, places, strings })
    }

    /// A file with the types of these names, which are sorted, and with all that is inside of them:
    /// of what they only point to, that they do. And the iterators. None if a type is not there that is
    /// needed.
    fn select(&self, names: &[&str], needed: &[&str]) -> Option<(Vec<u8>, Vec<IteratorType>)> {
        let mut iterators = Vec::new();
        let mut missing = needed.to_vec();
        let mut selection = Selection {
            of: self,
            numbers: vec![0; self.places.len()],
            order: Vec::new(),
            pointer: None,
            names: HashMap::new(),
            strings: vec![0],
        };
        for id in 1..self.places.len() {
            let place = self.places[id];
            match info(self.types, place)?.0 {
                kind::STRUCT | kind::UNION | kind::ENUM | kind::ENUM64 => {
                    let own = without_flavour(self.name(place));
                    if let Ok(found) = names.binary_search_by(|name| name.as_bytes().cmp(own)) {
                        selection.number(id)?;
                        missing.retain(|name| *name != names[found]);
                    }
                }
                kind::FUNC => iterators.extend(self.iterator(id, place)),
                _ => (),
            }
        }
        match missing.is_empty() {
            true => Some((selection.write()?, iterators)),
            false => None,
        }
    }

    /// The iterator that a function stands for, if it does.
    fn iterator(&self, id: usize, place: usize) -> Option<IteratorType> {
        let name = self.name(place).strip_prefix(ITERATOR)?;
        let name = String::from_utf8(name.to_vec()).ok()?;
        Some(IteratorType { name, id: u32::try_from(id).ok()? })
    }

    fn name(&self, place: usize) -> &'a [u8] {
        let start = word(self.types, place).unwrap_or_default();
        let name = self.strings.get(start..).unwrap_or_default();
        &name[..name.iter().position(|byte| *byte == 0).unwrap_or(name.len())]
    }
}

/// A selection on its way.
struct Selection<'a> {
    of: &'a Types<'a>,
    /// The new number of each type by its old one; 0: it has none yet.
    numbers: Vec<u32>,
    /// The old numbers, in the order of the new ones, from 1 on; none for the pointer.
    order: Vec<Option<usize>>,
    /// The number of the one pointer, which stands for all.
    pointer: Option<u32>,
    /// Where each name stands in the new strings, by where it stood in the old ones.
    names: HashMap<usize, u32>,
    strings: Vec<u8>,
}

impl Selection<'_> {
    /// The new number of a type, which is selected by that.
    fn number(&mut self, id: usize) -> Option<u32> {
        if id == 0 {
            return Some(0);
        }
        if *self.numbers.get(id)? == 0 {
            let is_pointer = info(self.of.types, self.of.places[id])?.0 == kind::PTR;
            let number = match (is_pointer, self.pointer) {
                (true, Some(pointer)) => pointer,
                (true, None) => self.next(None),
                (false, _) => self.next(Some(id)),
            };
            if is_pointer {
                self.pointer = Some(number);
            }
            self.numbers[id] = number;
        }
        Some(self.numbers[id])
    }

    fn next(&mut self, id: Option<usize>) -> u32 {
        self.order.push(id);
        self.order.len() as u32
    }

    /// Writes the types, which select others as they are written.
    fn write(mut self) -> Option<Vec<u8>> {
        let mut types = Vec::new();
        let mut written = 0;
        while let Some(id) = self.order.get(written).copied() {
            match id {
                Some(id) => self.write_type(id, &mut types)?,
                None => types.extend([0, kind::PTR << 24, 0].map(u32::to_ne_bytes).concat()),
            }
            written += 1;
        }
        let strings = self.strings;
        let mut file = Vec::with_capacity(HEADER + types.len() + strings.len());
        // The magic number, the version, no flags; then where the two parts are, and how long.
        file.extend(0xeb9fu16.to_ne_bytes());
        file.extend([1, 0]);
        let sizes = [HEADER, 0, types.len(), types.len(), strings.len()];
        for size in sizes {
            file.extend(u32::try_from(size).ok()?.to_ne_bytes());
        }
        file.extend(types);
        file.extend(strings);
        Some(file)
    }

    fn write_type(&mut self, id: usize, to: &mut Vec<u8>) -> Option<()> {
        let types = self.of.types;
        let place = self.of.places[id];
        let begin = to.len();
        to.extend(types.get(place..place + length(types, place)?)?);
        let (kind, members) = info(types, place)?;
        // Where numbers of other types stand.
        let references: Vec<usize> = match kind {
            kind::ARRAY => vec![TYPE, TYPE + 4],
            kind::STRUCT | kind::UNION => (0..members).map(|n| TYPE + n * 12 + 4).collect(),
            kind::TYPEDEF | kind::VOLATILE | kind::CONST | kind::RESTRICT | kind::TYPE_TAG => {
                vec![8]
            }
            kind::INT | kind::ENUM | kind::ENUM64 | kind::FLOAT | kind::FWD => vec![],
            // The others are never inside of a type.
            _ => return None,
        };
        for at in references {
            let number = self.number(word(types, place + at)?)?;
            to.get_mut(begin + at..begin + at + 4)?.copy_from_slice(&number.to_ne_bytes());
        }
        let step = match kind {
            kind::STRUCT | kind::UNION | kind::ENUM64 => 12,
            kind::ENUM => 8,
            _ => 0,
        };
        let names = (0..members).filter(|_| step != 0).map(|n| TYPE + n * step);
        for at in [0].into_iter().chain(names) {
            let name = self.name(word(types, place + at)?)?;
            to.get_mut(begin + at..begin + at + 4)?.copy_from_slice(&name.to_ne_bytes());
        }
        Some(())
    }

    /// Where a name stands in the new strings, which it gets into by that.
    fn name(&mut self, start: usize) -> Option<u32> {
        if start == 0 {
            return Some(0);
        }
        if let Some(place) = self.names.get(&start) {
            return Some(*place);
        }
        let rest = self.of.strings.get(start..)?;
        let length = rest.iter().position(|byte| *byte == 0)?;
        let place = u32::try_from(self.strings.len()).ok()?;
        self.strings.extend(rest.get(..=length)?);
        self.names.insert(start, place);
        Some(place)
    }
}

/// The name of a type, which may have a flavour, as in `sock___old`.
fn without_flavour(name: &[u8]) -> &[u8] {
    match name.windows(3).position(|window| window == b"___") {
        Some(length) => &name[..length],
        None => name,
    }
}

/// The kind of the type at this place, and how many members it has.
fn info(types: &[u8], place: usize) -> Option<(u32, usize)> {
    let info = word(types, place + 4)? as u32;
    Some((info >> 24 & 0x1f, (info & 0xffff) as usize))
}

/// How long the type at this place is; none if its kind is not known.
fn length(types: &[u8], place: usize) -> Option<usize> {
    let (kind, members) = info(types, place)?;
    let more = match kind {
        kind::PTR | kind::FWD | kind::TYPEDEF | kind::VOLATILE | kind::CONST => 0,
        kind::RESTRICT | kind::FUNC | kind::FLOAT | kind::TYPE_TAG => 0,
        kind::INT | kind::VAR | kind::DECL_TAG => 4,
        kind::ARRAY => 12,
        kind::ENUM | kind::FUNC_PROTO => members * 8,
        kind::STRUCT | kind::UNION | kind::DATASEC | kind::ENUM64 => members * 12,
        _ => return None,
    };
    Some(TYPE + more)
}

/// The number of 32 bits at this place.
fn word(bytes: &[u8], place: usize) -> Option<usize> {
    let bytes = bytes.get(place..place + 4)?.try_into().ok()?;
    Some(u32::from_ne_bytes(bytes) as usize)
}
