//! IPPROTO_UDP: net/ipv4/udp.c, udp_lib_getsockopt()

use super::{int, Facts};
use crate::options::context::Context;
use crate::options::value::Value;

/// UDP_ENCAP. Most tunnels of the kernel, such as VXLAN and WireGuard, give their sockets the number 1
/// (struct udp_tunnel_sock_cfg). The word for 1 is a kind of IPsec, which is right only if a process set the
/// option.
pub fn encapsulation(context: &Context, [kind]: Facts<1>) -> Option<Value> {
    const TUNNEL: u64 = 1;
    Some(match kind? {
        TUNNEL if context.is_of_kernel() => Value::Wordless(TUNNEL as u32),
        kind => int(kind),
    })
}
