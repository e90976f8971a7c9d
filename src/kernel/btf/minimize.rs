//! A file with a few types of another.

use super::parse::{kind, word, Types, HEADER, MAGIC};

/// Returns a file with the types of these numbers and all types inside of them. Every pointer becomes
/// the same one, to `void`: libbpf only compares that both sides have a pointer.
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

/// A selection on its way.
struct TypeSelection<'a> {
    types: &'a Types,
    /// The new number of each type by its old number; 0 where it has none yet.
    numbers: Vec<u32>,
    /// The old numbers in the order of the new ones, from 1 on; `None` for the pointer.
    order: Vec<Option<usize>>,
    /// The new number of the pointer.
    pointer: Option<u32>,
    /// The names. One that occurs twice is there twice.
    strings: Vec<u8>,
}

impl TypeSelection<'_> {
    /// The new number of a type, which this adds to the selection.
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

    /// Writes the file. Writing a type adds those inside of it to the selection.
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
        // Magic number, version, flags, then the offsets and lengths of the two parts.
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
