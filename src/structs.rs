//! The structures of numbers that getsockopt(2) lays out, a list of members each. Their layout is the
//! kernel's ABI: the headers named with each.

use crate::value::{Field, Fields};

/// include/linux/socket.h, struct ucred
pub static UCRED: Fields =
    &[Field::signed("pid", 0, 4), Field::unsigned("uid", 4, 4), Field::unsigned("gid", 8, 4)];
