//! The kernel's types, of those only what the programs read.
//!
//! libbpf looks for each type that a program names among all of the kernel's, of which there are a
//! hundred thousand, one time after the other; and where there is none, among those of each module.
//! That would be most of a start. So it gets a file with the few that it can find, which is made in
//! one pass: include/uapi/linux/btf.h and Documentation/bpf/btf.rst describe it. That pass also finds
//! what stands for the kernel's iterators, for which libbpf would read all the types once more.

use std::fs::File;
use std::io::{self, Read, Write};
use std::ops::Deref;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::PathBuf;

use nix::sys::memfd::{memfd_create, MFdFlags};

use crate::kernel::syscall::TypesMapping;

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
        let (types, found) = Types::parse(&whole, &Names::new(NAMED), needed)?;
        let file = File::from(memfd_create(c"types", MFdFlags::MFD_CLOEXEC).ok()?);
        (&file).write_all(&types.select(&found.types)?).ok()?;
        let file = TypesFile { file: file.into(), iterators: found.iterators };
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
    places: Vec<u32>,
    strings: &'a [u8],
}

/// What a file has of what was looked for.
struct Found {
    /// The numbers of the types that have one of the names.
    types: Vec<usize>,
    iterators: Vec<IteratorType>,
}

impl<'a> Types<'a> {
    /// Takes apart a file that is in the byte order of this machine, and finds the types of these names
    /// and the iterators. None where one is not there that is needed.
    fn parse(file: &'a [u8], names: &Names, needed: &[&str]) -> Option<(Types<'a>, Found)> {
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
        let mut found = Found { types: Vec::new(), iterators: Vec::new() };
        let mut missing = needed.to_vec();
        let mut places = Vec::with_capacity(types.len() / TYPE + 1);
        places.push(0);
        let mut place = 0;
        while place < types.len() {
            let id = places.len();
            // The name, and what comes behind it: how long each is would take longer to find out than
            // all the rest.
            let own = || strings.get(word(types, place)?..);
            match info(types, place)?.0 {
                kind::STRUCT | kind::UNION | kind::ENUM | kind::ENUM64 => {
                    if let Some(name) = names.find(own()?) {
                        found.types.push(id);
                        missing.retain(|needed| *needed != name);
                    }
                }
                kind::FUNC => found.iterators.extend(iterator(own()?, id)),
                _ => (),
            }
            places.push(u32::try_from(place).ok()?);
            place += length(types, place)?;
        }
        missing.is_empty().then_some((Types { types, places, strings }, found))
    }

    /// A file with these types, and with all that is inside of them: of what they only point to, that
    /// they do.
    fn select(&self, selected: &[usize]) -> Option<Vec<u8>> {
        let mut selection = Selection {
            of: self,
            numbers: vec![0; self.places.len()],
            order: Vec::new(),
            pointer: None,
            strings: vec![0],
        };
        for id in selected {
            selection.number(*id)?;
        }
        selection.write()
    }
}

/// Names that are looked for.
struct Names {
    sorted: &'static [&'static str],
    /// Whether one of them begins with these two bytes: most types are told by that.
    begins: Vec<bool>,
}

impl Names {
    fn new(sorted: &'static [&'static str]) -> Names {
        let mut begins = vec![false; 1 << 16];
        for begin in sorted.iter().filter_map(|name| beginning(name.as_bytes())) {
            begins[begin] = true;
        }
        Names { sorted, begins }
    }

    /// Which of them a type has whose own begins here, ends with a zero and may have a flavour, as in
    /// `sock___old`.
    fn find(&self, own: &[u8]) -> Option<&'static str> {
        if !self.begins[beginning(own)?] {
            return None;
        }
        let own = &own[..own.iter().position(|byte| *byte == 0)?];
        let flavour = own.windows(3).position(|window| window == b"___");
        let own = &own[..flavour.unwrap_or(own.len())];
        let found = self.sorted.binary_search_by(|name| name.as_bytes().cmp(own)).ok()?;
        Some(self.sorted[found])
    }
}

/// The first two bytes of a name, as a number.
fn beginning(name: &[u8]) -> Option<usize> {
    Some(u16::from_le_bytes([*name.first()?, *name.get(1)?]).into())
}

/// The iterator that a function of this name and number stands for, if it does.
fn iterator(own: &[u8], id: usize) -> Option<IteratorType> {
    let name = own.strip_prefix(ITERATOR)?;
    let length = name.iter().position(|byte| *byte == 0)?;
    let name = String::from_utf8(name[..length].to_vec()).ok()?;
    Some(IteratorType { name, id: u32::try_from(id).ok()? })
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
    /// The names; what has the same name as another has it twice.
    strings: Vec<u8>,
}

impl Selection<'_> {
    /// The new number of a type, which is selected by that.
    fn number(&mut self, id: usize) -> Option<u32> {
        if id == 0 {
            return Some(0);
        }
        if *self.numbers.get(id)? == 0 {
            let is_pointer = info(self.of.types, self.of.places[id] as usize)?.0 == kind::PTR;
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
        let place = self.of.places[id] as usize;
        let begin = to.len();
        to.extend(types.get(place..place + length(types, place)?)?);
        let (kind, members) = info(types, place)?;
        // Where numbers of other types stand: the first, how far apart, and how many.
        let (first, step, count) = match kind {
            kind::ARRAY => (TYPE, 4, 2),
            kind::STRUCT | kind::UNION => (TYPE + 4, 12, members),
            kind::TYPEDEF | kind::VOLATILE | kind::CONST | kind::RESTRICT | kind::TYPE_TAG => {
                (8, 0, 1)
            }
            kind::INT | kind::ENUM | kind::ENUM64 | kind::FLOAT | kind::FWD => (0, 0, 0),
            // The others are never inside of a type.
            _ => return None,
        };
        for at in (0..count).map(|n| begin + first + n * step) {
            let number = self.number(word(to, at)?)?;
            to.get_mut(at..at + 4)?.copy_from_slice(&number.to_ne_bytes());
        }
        // Where the names of members stand.
        let (step, count) = match kind {
            kind::STRUCT | kind::UNION | kind::ENUM64 => (12, members),
            kind::ENUM => (8, members),
            _ => (0, 0),
        };
        for at in (0..count).map(|n| begin + TYPE + n * step).chain([begin]) {
            let name = self.name(word(to, at)?)?;
            to.get_mut(at..at + 4)?.copy_from_slice(&name.to_ne_bytes());
        }
        Some(())
    }

    /// Where a name stands in the new strings, which it gets into by that.
    fn name(&mut self, start: usize) -> Option<u32> {
        if start == 0 {
            return Some(0);
        }
        let rest = self.of.strings.get(start..)?;
        let length = rest.iter().position(|byte| *byte == 0)?;
        let place = u32::try_from(self.strings.len()).ok()?;
        self.strings.extend(rest.get(..=length)?);
        Some(place)
    }
}

/// The kind of the type at this place, and how many members it has.
fn info(types: &[u8], place: usize) -> Option<(u32, usize)> {
    let info = word(types, place + 4)? as u32;
    Some((info >> 24 & 0x7f, (info & 0xff_ffff) as usize))
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
