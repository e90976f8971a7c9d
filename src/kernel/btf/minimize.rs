//! Reduction of a BTF file to a few of its types.

use super::parse::{kind, word, Types, HEADER, MAGIC};

/// Returns a BTF file with the types of these IDs and every type that they contain. All pointers become
/// one pointer to `void`, because libbpf compares only that both sides have a pointer.
pub fn minimize(types: &Types, selected: &[usize]) -> Option<Vec<u8>> {
    let mut selection = TypeSelection {
        types,
        numbers: vec![0; types.len()],
        order: Vec::new(),
        pointer: None,
        strings: vec![0],
    };
    for id in selected {
        selection.number(*id)?;
    }
    selection.write()
}

/// A selection that is being written.
struct TypeSelection<'a> {
    types: &'a Types,
    /// The new ID of each type, by its old ID. 0 stands for a type that has not been added yet.
    numbers: Vec<u32>,
    /// The old IDs in the order of the new IDs, which start at 1. `None` stands for the pointer.
    order: Vec<Option<usize>>,
    /// The new ID of the pointer.
    pointer: Option<u32>,
    /// The string section. A name that occurs twice is stored twice.
    strings: Vec<u8>,
}

impl TypeSelection<'_> {
    /// Returns the new ID of a type, which is added to the selection.
    fn number(&mut self, id: usize) -> Option<u32> {
        if id == 0 {
            return Some(0);
        }
        if *self.numbers.get(id)? == 0 {
            let is_pointer = self.types.get(id)?.kind == kind::PTR;
            let number = match (is_pointer, self.pointer) {
                (true, Some(pointer)) => pointer,
                (true, None) => self.add(None),
                (false, _) => self.add(Some(id)),
            };
            if is_pointer {
                self.pointer = Some(number);
            }
            self.numbers[id] = number;
        }
        Some(self.numbers[id])
    }

    fn add(&mut self, id: Option<usize>) -> u32 {
        self.order.push(id);
        self.order.len() as u32
    }

    /// Writes the file. Writing a type adds the types that it contains to the selection.
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
        // Magic number, version, flags, length of the header, then the offsets and lengths of the two
        // parts.
        file.extend(MAGIC.to_ne_bytes());
        file.extend([1, 0]);
        for size in [HEADER, 0, types.len(), types.len(), strings.len()] {
            file.extend(u32::try_from(size).ok()?.to_ne_bytes());
        }
        file.extend(types);
        file.extend(strings);
        Some(file)
    }

    fn write_type(&mut self, id: usize, to: &mut Vec<u8>) -> Option<()> {
        let types = self.types;
        let source = types.get(id)?;
        let begin = to.len();
        to.extend(source.bytes);
        let entry = to.get_mut(begin..)?;
        for at in source.type_fields()? {
            let number = self.number(word(entry, at)?)?;
            entry.get_mut(at..at + 4)?.copy_from_slice(&number.to_ne_bytes());
        }
        for at in source.member_name_fields().chain([0]) {
            let name = self.copy_string(word(entry, at)?)?;
            entry.get_mut(at..at + 4)?.copy_from_slice(&name.to_ne_bytes());
        }
        Some(())
    }

    /// Copies a string and returns its new offset.
    fn copy_string(&mut self, offset: usize) -> Option<u32> {
        if offset == 0 {
            return Some(0);
        }
        let copy = u32::try_from(self.strings.len()).ok()?;
        self.strings.extend(self.types.string(offset)?);
        self.strings.push(0);
        Some(copy)
    }
}
