//! Every option of every kind of socket, compared with what getsockopt(2) answers for that very
//! socket. What getsockopt cannot tell is compared with what was set, or with /proc/net.

#[path = "../common/mod.rs"]
mod common;

mod blobs;
mod compare;
mod keys;
mod memberships;
mod programs;
mod random;
mod scene;
mod states;
mod sysctls;
mod table;
mod unseen;
mod walk;

/// The numbers of levels and options.
mod numbers {
    pub use nix::libc::*;

    // include/uapi/linux: what the C library does not have yet.
    pub const SO_RCVPRIORITY: i32 = 82;
    pub const TCP_TX_DELAY: i32 = 37;
    pub const IP_RECVERR_RFC4884: i32 = 26;
    pub const IP_LOCAL_PORT_RANGE: i32 = 51;
    pub const IPV6_RECVERR_RFC4884: i32 = 31;
    pub const TCP_IS_MPTCP: i32 = 43;
    pub const TCP_RTO_MAX_MS: i32 = 44;
    pub const TCP_RTO_MIN_US: i32 = 45;
    pub const TCP_DELACK_MAX_US: i32 = 46;
    pub const TLS_TX_ZEROCOPY_RO: i32 = 3;
    pub const TLS_TX_MAX_PAYLOAD_LEN: i32 = 5;
}
