//! Networks of IP addresses, and whether an address is in one.

use std::net::{IpAddr, Ipv4Addr};

use ipnet::{IpNet, Ipv4Net};

use crate::text::escaped;

/// Whether the address is in the network. An IPv4 network also contains its IPv4-mapped IPv6 addresses,
/// which an IPv6 socket uses for IPv4.
pub fn contains(network: &IpNet, address: IpAddr) -> bool {
    let mapped = match address {
        IpAddr::V6(address) => address.to_ipv4_mapped().map(IpAddr::V4),
        IpAddr::V4(_) => None,
    };
    network.contains(&address) || mapped.is_some_and(|address| network.contains(&address))
}

/// Parses an address, or a network in the form `address/length`.
///
/// # Errors
///
/// A sentence that says what is wrong.
pub fn parse(text: &str) -> Result<IpNet, String> {
    let bare = text.trim_start_matches('[').trim_end_matches(']');
    if let Ok(address) = bare.parse::<IpAddr>() {
        return Ok(mapped_as_ipv4(IpNet::from(address)));
    }
    if let Ok(network) = bare.parse::<IpNet>() {
        return Ok(mapped_as_ipv4(network));
    }
    if let Some(network) = shortened(text) {
        return Ok(network);
    }
    Err(match text.contains('%') {
        true => "scoped addresses are not accepted here (use --interface for the scope)".into(),
        false => format!(
            "invalid address '{}' (expected an address or network: 192.0.2.1, 10.0.0.0/8, 2001:db8::/32)",
            escaped(text.as_bytes())
        ),
    })
}

/// An IPv4 network without its last zeros: `10/8`, `192.168/16`.
fn shortened(text: &str) -> Option<IpNet> {
    let (address, length) = text.split_once('/')?;
    if !address.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        return None;
    }
    let missing = 3_usize.checked_sub(address.matches('.').count())?;
    format!("{address}{}/{length}", ".0".repeat(missing)).parse().ok()
}

/// Converts an IPv4-mapped network: `::ffff:10.0.0.0/104` is `10.0.0.0/8`.
fn mapped_as_ipv4(network: IpNet) -> IpNet {
    let IpNet::V6(v6) = network else {
        return network;
    };
    let length = v6.prefix_len().checked_sub(96);
    let address: Option<Ipv4Addr> = v6.network().to_ipv4_mapped();
    match (address, length) {
        (Some(address), Some(length)) => Ipv4Net::new(address, length).map_or(network, IpNet::V4),
        _ => network,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks() {
        let network = parse("10.0.0.0/8").unwrap();
        let has = |address: &str| contains(&network, address.parse().unwrap());
        assert!(has("10.1.2.3") && has("::ffff:10.1.2.3"));
        assert!(!has("11.1.2.3") && !has("::10.1.2.3"));
        assert_eq!(parse("::ffff:10.0.0.0/104"), Ok(network));
        assert!(parse("[::1]").is_ok());
        assert_eq!((parse("10/8"), parse("10.0/8")), (Ok(network), Ok(network)));
        for wrong in
            ["10.0.0.0/33", "10", "10.0", "/8", "10./8", "1.2.3.4.5/8", "300/8", "::ffff:1.0/104"]
        {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
        assert!(parse("fe80::1%eth0").unwrap_err().contains("--interface"));
    }
}
