//! The words of `--short`.

use std::io::{self, Write};

use super::color;
use super::wording::Wording;
use crate::options::catalogue;
use crate::options::constants;
use crate::options::kind::ValueKind;
use crate::options::plan::OptionValue;
use crate::options::short::short_name;
use crate::options::spec::OptionSpec;
use crate::options::text::Text;
use crate::options::value::Value;
use crate::query::row::Row;
use crate::record::fact::Sections;
use crate::socket::Names;

/// The parts of keepalive, each with the separator before it: `30s/10s×3`.
const PROBES: [(&str, &str); 3] =
    [("TCP_KEEPIDLE", ""), ("TCP_KEEPINTVL", "/"), ("TCP_KEEPCNT", "×")];

/// Appends the options, joined by commas. An option that is on or off is a word, `nodelay` or `-nodelay`.
/// The parts of keepalive follow it if it is on. If it is off, they have no effect and are listed
/// separately.
pub fn options_to(to: &mut Vec<u8>, options: &[OptionValue], wording: &Wording) -> io::Result<()> {
    let is_kept_alive = options.iter().any(is_keepalive);
    let mut comma: &[u8] = b"";
    for shown in options {
        if is_kept_alive && PROBES.iter().any(|(name, _)| *name == shown.option.name) {
            continue;
        }
        to.extend_from_slice(comma);
        color::paint(to, wording.paint(shown), |to| option_to(to, shown))?;
        if is_keepalive(shown) {
            probes_to(to, options, wording)?;
        }
        comma = b",";
    }
    Ok(())
}

/// Whether this is SO_KEEPALIVE, and on.
fn is_keepalive(shown: &OptionValue) -> bool {
    shown.option.name == "SO_KEEPALIVE" && shown.value == Value::Int(1)
}

/// Appends the parts of keepalive that are shown: `=30s/10s×3`, `=/10s`, `=×3`.
fn probes_to(to: &mut Vec<u8>, options: &[OptionValue], wording: &Wording) -> io::Result<()> {
    let mut equals = "=";
    for (name, mark) in PROBES {
        if let Some(part) = options.iter().find(|shown| shown.option.name == name) {
            let text = Text(&part.value, part.option.kind);
            color::paint(to, wording.paint(part), |to| write!(to, "{equals}{mark}{text}"))?;
            equals = "";
        }
    }
    Ok(())
}

fn option_to(to: &mut Vec<u8>, shown: &OptionValue) -> io::Result<()> {
    let OptionValue { option, value, .. } = shown;
    let name = short_name(option);
    match value {
        Value::Int(0) if is_flag(option.kind) => write!(to, "-{name}"),
        Value::Int(1) if is_flag(option.kind) => write!(to, "{name}"),
        value => write!(to, "{name}={}", Text(value, option.kind)),
    }
}

/// Whether 0 is off and 1 is on. SO_REUSEADDR can also be FORCE, and keys may be listed.
fn is_flag(kind: ValueKind) -> bool {
    matches!(kind, ValueKind::Bool | ValueKind::Keys) || kind == ValueKind::Enum(constants::REUSE)
}

/// The protocol. A dual-stack socket is marked, as `tcp46`, like in netstat of the BSDs.
pub fn protocol(row: &Row) -> &'static str {
    match row.socket.word() {
        "tcp6" if is_dual_stack(row) => "tcp46",
        "udp6" if is_dual_stack(row) => "udp46",
        "udplite6" if is_dual_stack(row) => "udplite46",
        "mptcp6" if is_dual_stack(row) => "mptcp46",
        "sctp6" if is_dual_stack(row) => "sctp46",
        word => word,
    }
}

/// The option by which dual-stack sockets are recognized.
fn v6_only() -> Option<&'static OptionSpec> {
    catalogue::named("IPV6_V6ONLY")
}

/// The sections of records that the protocol is read from.
pub fn sections() -> Sections {
    v6_only().map(OptionSpec::sections).unwrap_or_default()
}

/// Whether a socket uses any address of both IPv4 and IPv6.
fn is_dual_stack(row: &Row) -> bool {
    let is_at_any = match row.socket.names {
        Names::Internet { local, .. } => local.address.is_unspecified(),
        _ => false,
    };
    let is_v6_only = || v6_only()?.decode(&row.context);
    is_at_any && is_v6_only() == Some(Value::Int(0))
}
