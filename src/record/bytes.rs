//! Values at the front of a slice of bytes, used in place.

use plain::Plain;

/// Splits a `T` off the front of the bytes.
pub fn take<'a, T: Plain>(bytes: &mut &'a [u8]) -> Option<&'a T> {
    let value = plain::from_bytes(bytes).ok()?;
    *bytes = &bytes[size_of::<T>()..];
    Some(value)
}

/// The length of an item's body with the padding that keeps the next item aligned.
pub fn padded(length: usize) -> usize {
    length.next_multiple_of(8)
}
