//! The BTF file format: include/uapi/linux/btf.h, Documentation/bpf/btf.rst.

use std::ops::Range;

use super::contents::Contents;

/// The first two bytes of a file, in the byte order of the machine that wrote it.
pub const MAGIC: u16 = 0xeb9f;

/// The sizes in bytes of a file's header, and of the `struct btf_type` with which each entry begins.
pub const HEADER: usize = 24;
pub const TYPE: usize = 12;

/// The kinds of types: BTF_KIND_...
pub mod kind {
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

/// The types of a file. Their IDs start at 1. ID 0 is `void`, which has no entry.
pub struct Types {
    contents: Contents,
    types: Range<usize>,
    strings: Range<usize>,
    /// The offset of each type in `types`, by its ID.
    offsets: Vec<u32>,
}

impl Types {
    /// Parses a file in the byte order of this machine. `visit` is called for each type with its ID, its
    /// kind, and the strings from its name on. The end of the name is not searched for, because most names
    /// are not needed. Returns `None` if the file is damaged or has an unknown kind of type.
    pub fn parse(contents: Contents, mut visit: impl FnMut(usize, u32, &[u8])) -> Option<Types> {
        let file: &[u8] = &contents;
        if file.get(..2)? != MAGIC.to_ne_bytes() {
            return None;
        }
        let header = word(file, 4)?;
        let part = |at: usize| {
            let begin = header.checked_add(word(file, at)?)?;
            Some(begin..begin.checked_add(word(file, at + 4)?)?)
        };
        let ranges = (part(8)?, part(16)?);
        let (types, strings) = (file.get(ranges.0.clone())?, file.get(ranges.1.clone())?);
        let mut offsets = Vec::with_capacity(types.len() / TYPE + 1);
        offsets.push(0);
        let mut offset = 0;
        while offset < types.len() {
            let (kind, members) = info(types, offset)?;
            visit(offsets.len(), kind, strings.get(word(types, offset)?..)?);
            offsets.push(u32::try_from(offset).ok()?);
            offset += size(kind, members)?;
        }
        Some(Types { types: ranges.0, strings: ranges.1, offsets, contents })
    }

    /// The number of types, `void` included.
    pub fn len(&self) -> usize {
        self.offsets.len()
    }

    /// The type with this ID.
    pub fn get(&self, id: usize) -> Option<Type<'_>> {
        let types = self.contents.get(self.types.clone())?;
        let offset = *self.offsets.get(id).filter(|_| id > 0)? as usize;
        let (kind, members) = info(types, offset)?;
        let bytes = types.get(offset..offset + size(kind, members)?)?;
        Some(Type { kind, members, bytes })
    }

    /// Every type, in the order of the IDs.
    pub fn all(&self) -> impl Iterator<Item = Type<'_>> {
        (1..self.len()).filter_map(|id| self.get(id))
    }

    /// The string at this offset, without its terminating zero.
    pub fn string(&self, offset: usize) -> Option<&[u8]> {
        text(self.contents.get(self.strings.clone())?.get(offset..)?)
    }
}

/// A type of a file.
pub struct Type<'a> {
    pub kind: u32,
    /// The number of members, enumerators or parameters.
    pub members: usize,
    /// The whole entry.
    pub bytes: &'a [u8],
}

impl Type<'_> {
    /// The offset of the name among the strings.
    pub fn name(&self) -> usize {
        word(self.bytes, 0).unwrap_or_default()
    }

    /// The offsets of the names of the members or enumerators.
    pub fn member_names(&self) -> impl Iterator<Item = usize> + '_ {
        self.member_name_fields().filter_map(|at| word(self.bytes, at))
    }

    /// The offsets in the entry at which the names of members or enumerators are stored.
    pub fn member_name_fields(&self) -> impl Iterator<Item = usize> {
        let (step, count) = match self.kind {
            kind::STRUCT | kind::UNION | kind::ENUM64 => (12, self.members),
            kind::ENUM => (8, self.members),
            _ => (0, 0),
        };
        (0..count).map(move |nth| TYPE + nth * step)
    }

    /// The offsets in the entry at which the IDs of other types are stored. `None` for pointers, and for
    /// kinds that other types contain only behind a pointer or not at all.
    pub fn type_fields(&self) -> Option<impl Iterator<Item = usize>> {
        let (first, step, count) = match self.kind {
            kind::ARRAY => (TYPE, 4, 2),
            kind::STRUCT | kind::UNION => (TYPE + 4, 12, self.members),
            kind::TYPEDEF | kind::VOLATILE | kind::CONST | kind::RESTRICT | kind::TYPE_TAG => {
                (8, 0, 1)
            }
            kind::INT | kind::ENUM | kind::ENUM64 | kind::FLOAT | kind::FWD => (0, 0, 0),
            _ => return None,
        };
        Some((0..count).map(move |nth| first + nth * step))
    }
}

/// The kind of the type at this offset, and the number of its members.
fn info(types: &[u8], offset: usize) -> Option<(u32, usize)> {
    let info = word(types, offset + 4)? as u32;
    Some((info >> 24 & 0x7f, (info & 0xff_ffff) as usize))
}

/// The size of an entry in bytes. `None` for an unknown kind.
fn size(kind: u32, members: usize) -> Option<usize> {
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

/// The 32-bit number at this offset, in the byte order of this machine.
pub fn word(bytes: &[u8], offset: usize) -> Option<usize> {
    let bytes = bytes.get(offset..offset + 4)?.try_into().ok()?;
    Some(u32::from_ne_bytes(bytes) as usize)
}

/// The bytes up to the first zero.
pub fn text(bytes: &[u8]) -> Option<&[u8]> {
    bytes.get(..bytes.iter().position(|byte| *byte == 0)?)
}
