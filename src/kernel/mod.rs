//! The kernel side: the BPF programs, the kernel's types, system calls. The only folder with `unsafe`.

pub mod abi;
pub mod btf;
mod identity;
pub mod load;
pub mod read_ahead;
pub mod skeleton;
pub mod syscall;
