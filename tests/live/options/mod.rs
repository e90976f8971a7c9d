//! Every option of TCP and UDP sockets, compared with what getsockopt(2) answers for that very socket.
//! Options that getsockopt does not answer are compared with what was set, or with /proc/net.

mod blobs;
mod interfaces;
mod keys;
mod life;
mod memberships;
mod programs;
mod random;
mod repeats;
mod scene;
mod states;
mod sysctls;
mod unseen;
mod walk;
