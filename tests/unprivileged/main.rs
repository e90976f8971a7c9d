//! Tests that require no privileges: recorded streams, the documents, BTF, and command lines that read no
//! sockets.

#[path = "../common/mod.rs"]
mod common;

mod btf;
mod columns;
mod command_lines;
mod completions;
mod documents;
mod expressions;
mod fuzz;
mod install;
mod man;
mod neighbours;
mod new_family;
mod records;
mod replay;
mod sandbox;
mod schema;
mod sections;
mod sysctls;
mod terminal;
mod usage;
