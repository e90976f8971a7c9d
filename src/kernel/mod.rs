//! The kernel side: the BPF programs, the kernel's types, system calls. The only folder with `unsafe`.
//!
//! A [`request`] describes what a run needs from the kernel, [`programs`] lists the programs, [`load`]
//! loads the ones that are needed into a [`program_set`], and a [`snapshot`] is the stream of records that they write.

#![allow(unsafe_code)]

pub mod abi;
pub mod btf;
pub mod caller;
pub mod capability;
pub mod ending;
pub mod family;
mod group;
pub mod handler;
mod identity;
mod lanes;
pub mod libbpf_log;
pub mod load;
pub mod loaded;
pub mod map_access;
pub mod memory;
mod merge;
pub mod module;
pub mod name_service;
pub mod namespace;
pub mod notice;
pub mod object;
pub mod pins;
pub mod process;
pub mod program_set;
pub mod programs;
pub mod read_ahead;
pub mod refusal;
pub mod request;
pub mod sandbox;
pub mod shared;
mod shares;
mod skeleton;
pub mod snapshot;
pub mod syscall;
pub mod userfault;
pub mod walk;
pub mod xattr;
