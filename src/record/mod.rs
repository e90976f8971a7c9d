//! Records as the BPF programs write them (bpf/record.h), taken apart without being copied.
//!
//! Nothing here depends on where the bytes come from: the file of an iterator, a pinned one, a recording.

mod bytes;
pub mod fact;
mod item;
pub mod section;
mod stream;

pub use item::Item;
pub use section::Record;
pub use stream::{read_owners, read_tasks, Records};
