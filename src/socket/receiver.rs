//! The part of the kernel that uses a socket of the kernel, as the function tells that receives for the socket.

use crate::record::fact::{value, Fact};
use crate::record::Record;

/// The fact from which it is read: bpf/receiver.h
pub const FACTS: [Fact; 1] = [value!(RECEIVER RECEIVER__length)];

/// The functions of sockets whose user has set none, which tell nothing: net/core/sock.c, sock_init_data_uid(), and
/// net/netlink/af_netlink.c, __netlink_kernel_create().
const OF_ALL: [&[u8]; 2] = [b"sock_def_readable", b"netlink_data_ready"];

/// The beginnings of the functions of sockets that remain those of processes: in a sockmap (net/core/skmsg.c), and as the
/// subflow of an MPTCP socket (net/mptcp/subflow.c).
const OF_PROCESSES: [&[u8]; 2] = [b"sk_psock_", b"subflow_"];

/// Who uses a socket of the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KernelUser<'a> {
    /// It is not a socket of the kernel, or its function is that of all sockets.
    None,
    /// The kernel does not report it.
    Unknown,
    /// The module or, of what is part of the kernel's image, the function.
    Is(&'a [u8]),
}

/// Who uses the socket of this record, which is one of the kernel.
pub(super) fn of<'a>(record: &Record<'a>) -> KernelUser<'a> {
    let (Some(length), Some(section)) = (FACTS[0].of(record), record.receiver()) else {
        return KernelUser::Unknown;
    };
    let name = section.function.split(|byte| *byte == 0).next().unwrap_or_default();
    match user_of(name) {
        _ if length == 0 => KernelUser::Unknown,
        user if OF_ALL.contains(&user) => KernelUser::None,
        user => KernelUser::Is(user),
    }
}

/// Who uses the socket of this record, which a process may have handed to the kernel, as rpc.nfsd(8) and iscsid(8) do. The
/// record has a name then, because the kernel keeps data of its own at the socket.
pub(super) fn of_handed<'a>(record: &Record<'a>) -> KernelUser<'a> {
    match record.receiver().map(|_| of(record)) {
        Some(KernelUser::Is(user)) if !OF_PROCESSES.iter().any(|it| user.starts_with(it)) => {
            KernelUser::Is(user)
        }
        _ => KernelUser::None,
    }
}

/// The module of a function as the kernel writes it, `xs_data_ready [sunrpc]`, or the function. A name that is cut has
/// no end of a module.
fn user_of(name: &[u8]) -> &[u8] {
    let mut parts = name.splitn(2, |byte| *byte == b' ');
    let function = parts.next().unwrap_or_default();
    let module = parts.next().and_then(|it| it.strip_prefix(b"[")?.strip_suffix(b"]"));
    module.unwrap_or(function)
}

#[cfg(test)]
mod tests {
    use super::user_of;

    #[test]
    fn the_module_or_else_the_function() {
        for (name, user) in [
            ("xs_data_ready [sunrpc]", "sunrpc"),
            ("vxlan_rcv", "vxlan_rcv"),
            (
                "svc_tcp_listen_data_ready_of_a_long_name [sunr",
                "svc_tcp_listen_data_ready_of_a_long_name",
            ),
            ("f []", ""),
            ("", ""),
        ] {
            assert_eq!(user_of(name.as_bytes()), user.as_bytes(), "{name}");
        }
    }
}
