//! The BPF programs of sockets. getsockopt(2) reports only classic filters.

use std::io::Read;
use std::net::SocketAddr;
use std::os::fd::AsFd;

use nix::sys::socket::{bind, SockType, SockaddrStorage};
use serde_json::{json, Value};

use super::scene::{Scene, Socket, Subject, Version};
use super::unseen::{assert_shown, set, sockets, some_of_each};
use crate::common;
use crate::common::ebpf::Ebpf;
use crate::common::ways::assert_same_options_without_walks;
use crate::getsockopt::{classic_program, MOST_INSTRUCTIONS};
use crate::numbers::*;

fn none() -> Value {
    json!({"kind": "none", "instructions": 0})
}

#[test]
fn ebpf_filters() {
    const NAME: &str = "SO_GET_FILTER";
    let scene = Scene::enter();
    let subjects = some_of_each(&scene);
    let all = sockets(&subjects);
    let programs = ["pass", "pass_with_a_longer_name"].map(Ebpf::socket_filter);
    for ebpf in &programs {
        all.iter().for_each(|socket| set(socket, SOL_SOCKET, SO_ATTACH_BPF, &ebpf.descriptor()));
        let answer = knetstat::kernel::syscall::getsockopt(
            all[0].as_fd(),
            SOL_SOCKET,
            SO_GET_FILTER,
            &mut [],
        );
        assert_eq!(answer.expect_err("no one is told").raw_os_error(), Some(EACCES));
        assert_shown(&all, NAME, &ebpf.json(), true);
        let expected = format!("{NAME}=ebpf:id{}/{}", ebpf.id(), ebpf.name());
        let text = common::stdout(&format!("-tuH -O {NAME}"));
        assert!(text.lines().all(|line| line.ends_with(&expected)), "{text} not {expected}");
        assert_same_options_without_walks();
    }
    all.iter().for_each(|socket| set(socket, SOL_SOCKET, SO_DETACH_FILTER, &[0; 4]));
    assert_shown(&all, NAME, &none(), false);

    // A connection has the filter of its listener.
    let [ebpf, _] = &programs;
    let made = scene.tcp(Version::V6, &mut |subject| {
        set(&subject.socket, SOL_SOCKET, SO_ATTACH_BPF, &ebpf.descriptor());
    });
    assert_shown(&sockets(&made.expect("a connection")), NAME, &ebpf.json(), true);
}

const REUSEPORT: &str = "SO_ATTACH_REUSEPORT_CBPF";

fn attach(to: &[&Socket], number: i32, value: &[u8]) {
    to.iter().for_each(|socket| set(socket, SOL_SOCKET, number, value));
}

/// Before Linux 6.8, the longest program exceeds the default limit of a socket: each instruction becomes
/// two, of eight bytes. Older kernels do not show the limit in a network namespace.
fn most_instructions() -> usize {
    let limit = std::fs::read_to_string("/proc/sys/net/core/optmem_max");
    let limit: usize = limit.map_or(20480, |limit| limit.trim().parse().expect("a number"));
    MOST_INSTRUCTIONS.min(limit / 32)
}

#[test]
fn reuseport_programs() {
    let scene = Scene::enter();
    let ebpf = Ebpf::socket_filter("choose");
    for version in Version::ALL {
        let reuse = &mut |subject: &mut Subject| {
            common::set(&subject.socket, SOL_SOCKET, SO_REUSEPORT, 1).expect("SO_REUSEPORT");
        };
        let mut made = scene.tcp(version, reuse).expect("a connection");
        made.extend(scene.udp(version, reuse).expect("UDP sockets"));
        // The listener and the bound UDP socket have a group. Connected sockets have none.
        let [listener, client, accepted, bound] = [0, 1, 2, 3].map(|n| &made[n].socket);
        let unconnected = [listener, bound];
        assert_shown(&unconnected, REUSEPORT, &none(), false);
        for instructions in [1, 2, most_instructions()] {
            let program = classic_program(instructions);
            attach(&unconnected, SO_ATTACH_REUSEPORT_CBPF, &program);
            let expected = json!({"kind": "classic", "instructions": instructions});
            assert_shown(&unconnected, REUSEPORT, &expected, true);
            assert_same_options_without_walks();
        }
        attach(&unconnected, SO_ATTACH_REUSEPORT_EBPF, &ebpf.descriptor());
        assert_shown(&unconnected, REUSEPORT, &ebpf.json(), true);
        assert_same_options_without_walks();
        assert_shown(&[client, accepted], REUSEPORT, &none(), false);
        attach(&unconnected, SO_DETACH_REUSEPORT_BPF, &[0; 4]);
        assert_shown(&unconnected, REUSEPORT, &none(), false);
    }
}

/// Every member of the group has the program that was attached to one of them.
#[test]
fn a_reuseport_group_shares_its_program() {
    let scene = Scene::enter();
    let address = SockaddrStorage::from(SocketAddr::from(([127, 0, 0, 1], 9)));
    let member = |_| {
        let member = scene.subject(Version::V4, SockType::Datagram, "bound");
        common::set(&member.socket, SOL_SOCKET, SO_REUSEPORT, 1).expect("SO_REUSEPORT");
        bind(common::number(&member.socket), &address).expect("bind");
        member
    };
    let members: Vec<Subject> = (0..3).map(member).collect();
    let members = sockets(&members);
    attach(&members[1..2], SO_ATTACH_REUSEPORT_CBPF, &classic_program(7));
    assert_shown(&members, REUSEPORT, &json!({"kind": "classic", "instructions": 7}), true);
}

/// Options that only BPF programs can set. An iterator sets them here for the sockets of its namespace.
#[test]
fn options_that_bpf_programs_set() {
    const SOURCE: &str = r#"
        static void *(*const tcp_sock)(void *) = (void *)137; /* bpf_skc_to_tcp_sock() */
        static long (*const set)(void *, int, int, void *, int) = (void *)49; /* bpf_setsockopt() */
        __attribute__((section("iter/tcp"))) int mark(void **context)
        {
            void *socket = context[1] ? tcp_sock(context[1]) : 0;
            int callbacks = 5, timestamps = 1;
            if (!socket)
                return 0;
            set(socket, 6, 1008, &callbacks, sizeof(callbacks));
            set(socket, 1, 1009, &timestamps, sizeof(timestamps));
            return 0;
        }
        __attribute__((section("license"))) char gpl[] = "GPL";
    "#;
    const OPTIONS: [(&str, &str, i32, &str); 2] = [
        ("TCP_BPF_SOCK_OPS_CB_FLAGS", "bpf_sock_ops_cb_flags", 5, "RTO|STATE"),
        ("SK_BPF_CB_FLAGS", "sk_bpf_cb_flags", 1, "TX_TIMESTAMPING"),
    ];
    let scene = Scene::enter();
    let made = scene.tcp(Version::V4, &mut |_| ()).expect("a connection");
    let made = sockets(&made);
    for (name, member, ..) in OPTIONS {
        if common::btf_has(member) {
            assert_shown(&made, name, &json!(0), false);
        }
    }
    let marked = Ebpf::compile(SOURCE).and_then(|object| {
        let mut programs = object.0.progs_mut();
        let link = programs
            .next()
            .expect("there is one program")
            .attach_iter_with_opts(libbpf_rs::IterOpts::None)?;
        let mut text = Vec::new();
        libbpf_rs::Iter::new(&link)?.read_to_end(&mut text).expect("the iterator runs");
        Ok(())
    });
    if let Err(error) = marked {
        return common::not_tested(&format!("options that only BPF programs set: {error}"));
    }
    let text = common::stdout("-tH -O TCP_BPF_SOCK_OPS_CB_FLAGS,SK_BPF_CB_FLAGS");
    for (name, member, value, words) in OPTIONS {
        // Not every kernel with the helper can set all of them.
        let shown = super::unseen::shown(&made, name);
        if !common::btf_has(member) || shown.iter().all(|shown| *shown == json!(0)) {
            common::not_tested(&format!("{name}, which a BPF program cannot set here"));
            continue;
        }
        assert_shown(&made, name, &json!(value), true);
        assert!(text.contains(&format!("{name}={words}")), "{text}");
    }
    common::not_tested("SK_BPF_BYPASS_PROT_MEM, which no iterator can set");
}
