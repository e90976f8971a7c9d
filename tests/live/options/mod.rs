//! Every option of TCP and UDP sockets, compared with getsockopt(2) on the same socket. Options that it
//! does not support are compared with what was set, or with /proc/net.

mod blobs;
mod interfaces;
mod keys;
mod life;
pub mod memberships;
mod programs;
mod random;
mod repeats;
pub mod scene;
mod states;
mod sysctls;
mod unseen;
mod walk;
