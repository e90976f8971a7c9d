//! Whether there are UDP-Lite sockets, from the kernel's list of protocols.

use std::fs;

/// Whether the network namespace of this thread has UDP-Lite sockets. With `anywhere`: whether any
/// namespace may have them. True if the list cannot be read. The kernel counts bound sockets.
pub fn has_udp_lite(anywhere: bool) -> bool {
    let protocols = fs::read_to_string("/proc/thread-self/net/protocols");
    protocols.map_or(true, |text| text.lines().any(|line| is_udp_lite(line, anywhere)))
}

/// Whether a line is that of UDP-Lite and, without `anywhere`, counts at least one socket.
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
