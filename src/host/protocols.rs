//! The protocols of the kernel, and whether they have sockets.

use std::fs;

/// Whether the network namespace that this thread is in has sockets of UDP-Lite; `anywhere`: whether any
/// may. Assumed where the kernel does not tell. It counts those that are bound.
pub fn has_udp_lite(anywhere: bool) -> bool {
    let protocols = fs::read_to_string("/proc/thread-self/net/protocols");
    protocols.map_or(true, |text| text.lines().any(|line| is_udp_lite(line, anywhere)))
}

/// Whether a line is that of UDP-Lite, with a number of sockets.
fn is_udp_lite(line: &str, anywhere: bool) -> bool {
    let mut words = line.split_whitespace();
    let is_named = matches!(words.next(), Some("UDP-Lite" | "UDPLITEv6"));
    is_named && (anywhere || words.nth(1) != Some("0"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lines_of_the_kernel() {
        let line = |count| {
            format!("UDPLITEv6 1472   {count:4}       0   NI       0   yes  kernel      y  y  y  n")
        };
        assert!(is_udp_lite(&line(3), false) && !is_udp_lite(&line(0), false));
        assert!(is_udp_lite(&line(0), true));
        assert!(!is_udp_lite(&line(3).replace("LITE", ""), true));
    }
}
