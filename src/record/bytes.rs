//! Values at the front of a slice of bytes, used in place.

use plain::Plain;

/// Splits a `T` off the front of the bytes.
pub fn take<'a, T: Plain>(bytes: &mut &'a [u8]) -> Option<&'a T> {
    let value = plain::from_bytes(bytes).ok()?;
    *bytes = &bytes[size_of::<T>()..];
    Some(value)
}

/// Splits off a `T` if `there` says that it is present. The outer option is `None` if there are too few
/// bytes, the inner one if the `T` is absent.
pub fn take_if<'a, T: Plain>(there: bool, bytes: &mut &'a [u8]) -> Option<Option<&'a T>> {
    match there {
        true => take(bytes).map(Some),
        false => Some(None),
    }
}

/// The length of an item's body with the padding that keeps the next item aligned.
pub fn padded(length: usize) -> usize {
    length.next_multiple_of(8)
}
