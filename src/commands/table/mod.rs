//! The table of sockets.

pub mod namespaces;
pub mod pipeline;
