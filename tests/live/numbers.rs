//! The numbers of levels and options.

pub use nix::libc::*;

// include/uapi/linux: constants that the C library does not have yet.
pub const SO_RCVPRIORITY: i32 = 82;
pub const SO_PASSRIGHTS: i32 = 83;
pub const SO_INQ: i32 = 84;
pub const TCP_TX_DELAY: i32 = 37;
pub const TCP_IS_MPTCP: i32 = 43;
pub const TCP_RTO_MAX_MS: i32 = 44;
pub const TCP_RTO_MIN_US: i32 = 45;
pub const TCP_DELACK_MAX_US: i32 = 46;
pub const IP_RECVERR_RFC4884: i32 = 26;
pub const IP_LOCAL_PORT_RANGE: i32 = 51;
pub const IPV6_RECVERR_RFC4884: i32 = 31;
pub const TLS_TX_ZEROCOPY_RO: i32 = 3;
pub const TLS_RX_EXPECT_NO_PAD: i32 = 4;
pub const TLS_TX_MAX_PAYLOAD_LEN: i32 = 5;
pub const SOL_RAW: i32 = 255;
pub const ICMP_FILTER: i32 = 1;
pub const ICMPV6_FILTER: i32 = 1;
pub const NETLINK_GET_STRICT_CHK: i32 = 12;
pub const SO_VM_SOCKETS_BUFFER_SIZE: i32 = 0;
pub const SO_VM_SOCKETS_BUFFER_MIN_SIZE: i32 = 1;
pub const SO_VM_SOCKETS_BUFFER_MAX_SIZE: i32 = 2;
pub const SO_VM_SOCKETS_CONNECT_TIMEOUT: i32 = 6;
