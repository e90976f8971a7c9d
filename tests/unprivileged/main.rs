//! Tests that need no privilege: recorded streams, the manual page, BTF, and the part of the command
//! line that reads no sockets.

#[path = "../common/mod.rs"]
mod common;

mod btf;
mod columns;
mod command_lines;
mod completions;
mod families;
mod fuzz;
mod man;
mod records;
mod replay;
mod usage;
