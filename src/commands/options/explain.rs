//! The explanations of options as text: a block for each option, a line for each fact.

use std::io::{self, Write};

use super::facts::{self, Host};
use super::page::Page;
use super::words::{self, kind, sentence};
use crate::host::sysctls::obstacle;
use crate::options::catalogue::CATALOGUE;
use crate::options::reference::sysctls::{Role, Sysctl};
use crate::options::reference::{howto, sysctls, topics};
use crate::options::text::Text;

/// The position at which facts begin, behind their names.
const FACTS: usize = 19;

/// Writes the explanations of these options.
///
/// # Errors
///
/// When it cannot be written.
pub fn write(page: &mut Page<impl Write>, options: &[usize], host: &Host) -> io::Result<()> {
    for (n, index) in options.iter().enumerate() {
        if n > 0 {
            page.empty()?;
        }
        explain(page, *index, host)?;
    }
    Ok(())
}

fn explain(page: &mut Page<impl Write>, index: usize, host: &Host) -> io::Result<()> {
    let option = &CATALOGUE[index];
    page.line(&format!("{} ({})", option.name, option.level_and_number()), 2)?;
    page.line(&format!("  {}", sentence(option.help)), 2)?;
    let mut item = |name: &str, text: &str| page.item(&format!("  {name}"), text, FACTS);
    if !option.aliases.is_empty() {
        item("also called", &option.aliases.join(", "))?;
    }
    let topics: Vec<&str> = topics::of(option.name).map(|topic| topic.name).collect();
    item("topic", &topics.join(", "))?;
    item("kind", &kind(option))?;
    let words = words::in_text(option);
    if !words.is_empty() {
        item("words", &words)?;
    }
    for (value, kinds) in host.defaults(index) {
        let value = Text(value, option.kind);
        item("default here", &format!("{value} ({})", facts::words(&kinds).join(", ")))?;
    }
    for sysctl in sysctls::of(option.name) {
        item("sysctl", &describe(sysctl))?;
    }
    if !option.has_getter {
        item("getsockopt", "does not report it; knetstat reads it from the kernel")?;
    }
    if host.is_supported(index) == Some(false) {
        item("here", "this kernel does not have the option")?;
    }
    item("counts as set", &option.marker.explanation())?;
    for howto in howto::of(option.name) {
        item(&label(howto.program, howto.version), howto.how)?;
    }
    Ok(())
}

/// Returns a program with its version. For C, the version names a collection of manual pages and is left
/// out.
fn label(program: &str, version: &str) -> String {
    match version.contains(' ') {
        true => program.into(),
        false => format!("{program} {version}"),
    }
}

/// `net.ipv4.tcp_wmem = 4096 16384 4194304 (the second number: the default of tcp, tcp6)`
fn describe(sysctl: Sysctl) -> String {
    let ordinal = match sysctl.field() {
        Some(1) => "the first number: ",
        Some(2) => "the second number: ",
        Some(3) => "the third number: ",
        _ => "",
    };
    let role = match sysctl.role {
        Role::Default => format!("{ordinal}the default{}", whose(sysctl)),
        Role::Unset => "applies while the option is not set".into(),
        Role::Limit => "the limit".into(),
        Role::Other => String::new(),
    };
    let remarks = [&role, sysctl.note].into_iter().filter(|remark| !remark.is_empty());
    let remarks = remarks.collect::<Vec<_>>().join("; ");
    match sysctl.value() {
        Some(value) => format!("{} = {value} ({remarks})", sysctl.name),
        None if obstacle().is_some() => format!("{} (unknown; {remarks})", sysctl.name),
        None => format!("{} (not here; {remarks})", sysctl.name),
    }
}

/// The sockets or the member for which a sysctl is the default.
fn whose(sysctl: Sysctl) -> String {
    let mut others = sysctls::of(sysctl.option).filter(|other| other.role == sysctl.role);
    match (sysctl.member(), sysctl.sockets()) {
        (Some(member), _) => format!(" of {member}"),
        (None, sockets) if !sockets.is_empty() => format!(" of {}", sockets.join(", ")),
        _ if others.any(|other| !other.sockets().is_empty()) => " of other sockets".into(),
        _ => String::new(),
    }
}
