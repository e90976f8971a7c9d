//! Short names in the kernel's structures.

/// A name of at most 16 bytes in any encoding, as the kernel stores the names of interfaces, congestion
/// control algorithms and upper layer protocols.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Name {
    bytes: [u8; 16],
    length: u8,
}

impl Name {
    /// Returns a name with the bytes up to the first zero, at most 16.
    pub fn new(from: &[u8]) -> Name {
        let mut name = Name::default();
        for (to, byte) in name.bytes.iter_mut().zip(from).take_while(|(_, &byte)| byte != 0) {
            *to = *byte;
            name.length += 1;
        }
        name
    }

    /// The bytes of the name.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.length)]
    }

    /// Whether the name is empty.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }
}
