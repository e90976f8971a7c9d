//! Checks for BPF programs of others that set options of sockets.

use caps::Capability;

use super::capabilities::{lack, more_files};
use super::check::{Check, Problem, REPORT};
use crate::error::is_too_many_files;
use crate::kernel::capability::has_on_host;
use crate::kernel::loaded::{option_programs, OptionProgram};
use crate::text::Word;

/// Checks whether programs are loaded that may set options of sockets or change what getsockopt(2) returns.
pub fn check(obstacle: Option<&Problem>) -> Check {
    const NAME: &str = "cgroup BPF";
    const WHAT: &str = "which BPF programs set options of sockets";
    const LISTS: Capability = Capability::CAP_SYS_ADMIN;
    if !has_on_host(LISTS) {
        let Problem { what, why, remedy } = lack(&[LISTS], WHAT);
        return Check::unknown(NAME, format!("{what}: {why}"), remedy);
    }
    match option_programs() {
        Ok(programs) if programs.is_empty() => Check::ok(
            NAME,
            "no BPF program of a control group sets options or changes getsockopt(2)",
        ),
        Ok(programs) => Check::note(NAME, note(&programs)),
        Err(error) if is_too_many_files(&error) => {
            Check::unknown(NAME, format!("{WHAT}: {error}"), more_files())
        }
        Err(error) => {
            let remedy = obstacle.map_or(REPORT, |obstacle| &obstacle.remedy);
            Check::unknown(NAME, format!("{WHAT}: {error}"), remedy)
        }
    }
}

fn note(programs: &[OptionProgram]) -> String {
    let programs: Vec<String> = programs.iter().map(named).collect();
    format!(
        "{}: such programs may set options of the sockets in a control group. Those of type \
         cgroup_sockopt may also change what getsockopt(2) returns there, while knetstat shows the \
         kernel's value",
        programs.join(", ")
    )
}

/// `12/limits (sock_ops)`, or without the name if there is none.
fn named(OptionProgram { id, kind, name }: &OptionProgram) -> String {
    match name.is_empty() {
        true => format!("{id} ({kind})"),
        false => format!("{id}/{} ({kind})", Word(name.as_bytes())),
    }
}
