//! Records as the BPF programs write them (bpf/record.h), parsed in place.
//!
//! Nothing here depends on the source of the bytes: the file of an iterator, a pinned iterator, or a
//! recording.

mod bytes;
pub mod fact;
mod item;
pub mod section;
mod stream;

pub use item::Item;
pub use section::Record;
pub use stream::{read_messages, read_owners, read_tasks, read_waiting, Records};
