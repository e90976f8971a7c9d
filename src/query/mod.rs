//! Questions about sockets: which are selected, and what is shown of them.

pub mod filter;
