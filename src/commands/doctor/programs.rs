//! Checks of the BPF programs.

use std::collections::BTreeSet;

use super::capabilities::more_files;
use super::check::{Check, Problem, REPORT, TABLE};
use crate::error::{Error, LoadError};
use crate::kernel::load::Loader;
use crate::kernel::program_set::Programs;
use crate::kernel::programs::{Program, Subject, When};
use crate::kernel::request::Request;
use crate::kernel::snapshot::Snapshot;
use crate::socket::kind::Family;
use crate::text::suggest::listed;

/// Checks whether a program loads here, unless a known obstacle prevents all of them from loading.
pub fn program(program: &'static Program, loader: &Loader, obstacle: Option<&Problem>) -> Check {
    let name = program.name;
    let instead = match program.when {
        When::NoWalk | When::Iterator(_) => ", instead of a walk",
        _ => "",
    };
    let reports = format!("{program} ({}){instead}", flag(program));
    if let Some(obstacle) = obstacle {
        return Check::unknown(name, format!("not tried: {reports}"), &obstacle.remedy);
    }
    if !program.is_possible(loader.features()) {
        let finding = match program.when {
            When::Iterator(_) => format!("no {reports}: this kernel has no such iterator"),
            _ => format!("this kernel does not permit such a walk: {reports}"),
        };
        return Check::note(name, finding);
    }
    let loaded_name = program.name_with(loader.features());
    match (loader.probe(program), program.when) {
        (Ok(()), _) if loaded_name == name => Check::ok(name, reports),
        (Ok(()), _) => Check::ok(name, format!("{reports}, as {loaded_name}: long lists are cut")),
        (Err(error), when) => {
            // A problem of the host or the user affects the whole table and not only one program.
            let what = if error.is_general() { TABLE.into() } else { reports };
            let check = Check::missing(name, problem(&what, &error));
            Check { needed: !matches!(when, When::Iterator(_)), ..check }
        }
    }
}

fn problem(what: &str, error: &LoadError) -> Problem {
    let remedy = match error {
        LoadError::TooManyFiles => more_files(),
        error => error.remedy().unwrap_or(REPORT).into(),
    };
    Problem::new(what, error.to_string(), remedy)
}

/// The flag that requests the subject of a program.
fn flag(program: &Program) -> String {
    match (program.subject, program.when) {
        (Subject::Queues | Subject::Owners | Subject::Messages, _) => "--programs".into(),
        (Subject::Tasks, _) => "--all-netns".into(),
        (Subject::Sockets(Family::Other), _)
        | (_, When::Unbound | When::UnboundWalk | When::UnboundOrUdpLite) => "--unbound".into(),
        (Subject::Sockets(family), _) => format!("--{family}"),
    }
}

/// Checks whether all programs can be loaded and opened at once, and in which ways they find sockets.
pub fn table(loader: &Loader, obstacle: Option<&Problem>) -> Vec<Check> {
    if let Some(obstacle) = obstacle {
        return vec![Check::missing(TABLE, obstacle.clone()).needed()];
    }
    let opened = loader.load(&Request::everything()).and_then(|programs| {
        programs.open(&mut Snapshot::default())?;
        programs.open_queues(&mut Snapshot::default())?;
        programs.owners()?;
        programs.messages()?;
        programs.tasks()?;
        Ok(programs)
    });
    let problem = match opened {
        Ok(programs) => {
            let whole = match programs.missing() {
                None => Check::ok(TABLE, "every family, with processes"),
                Some(missing) => {
                    let why = format!("it is without {missing}");
                    Check::missing(TABLE, Problem::new(TABLE, why, REPORT))
                }
            };
            let mut checks = ways(&programs);
            checks.push(whole.needed());
            return checks;
        }
        Err(Error::Load(error) | Error::OpenIterator(error)) => problem(TABLE, &error),
        Err(error) => Problem::new(TABLE, error.to_string(), REPORT),
    };
    vec![Check::missing(TABLE, problem).needed()]
}

/// The ways in which the programs find the sockets of each family, and what each way means.
fn ways(programs: &Programs) -> Vec<Check> {
    let found_by = |is_such: fn(&Program) -> bool| {
        let such = programs.of_sockets().filter(|program| is_such(program));
        let families: BTreeSet<Family> = such.filter_map(Program::family).collect();
        let titles: Vec<&str> = families.into_iter().map(Family::title).collect();
        (!titles.is_empty()).then(|| listed(&titles, "and"))
    };
    let walks = found_by(|it| it.when == When::Walk).map(|families| {
        let means =
            "found in the kernel's tables, which knetstat walks without the lock of any socket";
        Check::ok("walks", format!("{families}: {means}"))
    });
    let iterators = found_by(|it| it.takes_locks).map(|families| {
        let means =
            "knetstat cannot walk these tables, and the kernel's iterator takes the lock of each \
             socket. knetstat waits if a task is blocked while it holds one";
        Check::note("iterators", format!("{families}: {means}"))
    });
    let is_by_descriptor =
        |it: &Program| it.when == When::Always || it.when == When::NoWalk && !it.takes_locks;
    let descriptors = found_by(is_by_descriptor).map(|families| {
        let means = "found through the descriptors of the processes in this PID namespace";
        Check::ok("descriptors", format!("{families}: {means}"))
    });
    [walks, iterators, descriptors].into_iter().flatten().collect()
}
