//! IPPROTO_UDP

use super::sentence::{says, when, Sentence};

pub(super) static SENTENCES: &[Sentence] = &[
    // net/ipv4/udp.c, udp_sendmsg()
    says(&["UDP_CORK"], "nothing is sent until it is turned off", |it| when(it.is_on())),
];
