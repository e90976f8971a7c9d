//! Checks of the BPF programs.

use super::capabilities::more_files;
use super::check::{Check, Problem, REPORT, TABLE};
use crate::error::{Error, LoadError};
use crate::kernel::load::Loader;
use crate::kernel::programs::{Program, Subject, When};
use crate::kernel::request::Request;
use crate::kernel::snapshot::Snapshot;
use crate::socket::kind::Family;

/// Checks whether a program loads here, unless a known obstacle prevents all of them from loading.
pub fn program(program: &'static Program, loader: &Loader, obstacle: Option<&Problem>) -> Check {
    let name = program.name;
    let reports = format!("{program} ({})", flag(program));
    if let Some(obstacle) = obstacle {
        return Check::unknown(name, format!("not tried: {reports}"), &obstacle.remedy);
    }
    let loaded_name = program.name_with(loader.features());
    match (loader.probe(program), program.when) {
        (Ok(()), _) if loaded_name == name => Check::ok(name, reports),
        (Ok(()), _) => Check::ok(name, format!("{reports}, as {loaded_name}: long lists are cut")),
        (Err(LoadError::NoIterator), When::Iterator(_)) => {
            Check::note(name, format!("no {reports}: this kernel has no such iterator"))
        }
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
        (Subject::Owners, _) => "--programs".into(),
        (Subject::Tasks, _) => "--all-netns".into(),
        (Subject::Sockets(Family::Other), _) | (_, When::Unbound | When::UnboundOrUdpLite) => {
            "--unbound".into()
        }
        (Subject::Sockets(family), _) => format!("--{family}"),
    }
}

/// Checks whether all programs can be loaded and opened at once.
pub fn table(loader: &Loader, obstacle: Option<&Problem>) -> Check {
    if let Some(obstacle) = obstacle {
        return Check::missing(TABLE, obstacle.clone()).needed();
    }
    let opened = loader.load(&Request::everything()).and_then(|programs| {
        programs.open(&mut Snapshot::default())?;
        programs.owners()?;
        programs.tasks()?;
        Ok(programs.missing())
    });
    let problem = match opened {
        Ok(None) => return Check::ok(TABLE, "every family, with processes").needed(),
        Ok(Some(missing)) => Problem::new(TABLE, format!("it is without {missing}"), REPORT),
        Err(Error::Load(error) | Error::OpenIterator(error)) => problem(TABLE, &error),
        Err(error) => Problem::new(TABLE, error.to_string(), REPORT),
    };
    Check::missing(TABLE, problem).needed()
}
