//! Checks of the BPF programs, and of the options that the kernel has.

use super::check::{Check, REPORT, SUDO};
use crate::commands::options::is_supported;
use crate::error::{Error, MORE_FILES};
use crate::kernel::btf::KernelBtf;
use crate::kernel::load::Loader;
use crate::kernel::programs::{Program, Subject, When};
use crate::kernel::request::Request;
use crate::kernel::snapshot::Snapshot;
use crate::options::catalogue::CATALOGUE;
use crate::options::defaults::{Defaults, Pool};
use crate::options::spec::Level;
use crate::socket::kind::Family;

/// Whether a program loads here.
pub fn program(program: &'static Program, loader: &Loader, obstacle: Option<&str>) -> Check {
    let name = program.name;
    let reports = format!("{program} ({})", flag(program));
    if let Some(obstacle) = obstacle {
        return Check::unknown(name, format!("not tried: {reports}"), format!("see {obstacle}"));
    }
    let loaded_name = program.name_with(loader.features());
    match loader.probe(program) {
        Ok(()) if loaded_name == name => Check::ok(name, reports),
        Ok(()) => Check::ok(name, format!("{reports}, as {loaded_name}: long lists are cut")),
        Err(error) => {
            let detail = format!("no {reports}: {error}");
            let check = Check::missing(name, detail, error.remedy().unwrap_or(REPORT));
            Check { needed: !matches!(program.when, When::Iterator(_)), ..check }
        }
    }
}

/// The flag that asks for what a program reports.
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

/// Opens everything at once.
pub fn table(loader: &Loader, obstacle: Option<&str>) -> Check {
    const NAME: &str = "table";
    if let Some(obstacle) = obstacle {
        return Check::missing(NAME, "cannot be read", format!("see {obstacle}")).needed();
    }
    let opened = loader.load(&Request::everything()).and_then(|programs| {
        programs.open(&mut Snapshot::default())?;
        programs.owners()?;
        programs.tasks()?;
        Ok(programs.missing())
    });
    match opened {
        Ok(None) => Check::ok(NAME, "can be read, of every family, with processes"),
        Ok(Some(missing)) => {
            Check::missing(NAME, format!("can be read, but without {missing}"), REPORT)
        }
        Err(Error::Load(error) | Error::OpenIterator(error)) => {
            Check::missing(NAME, error.to_string(), error.remedy().unwrap_or(REPORT))
        }
        Err(error) => Check::missing(NAME, error.to_string(), REPORT),
    }
    .needed()
}

/// How many options the kernel has; a line for each that it lacks.
pub fn options(btf: Option<&KernelBtf>) -> Vec<Check> {
    let (defaults, _) = Defaults::ask(|_| true, &mut Pool::default());
    let here: Vec<Option<bool>> =
        (0..CATALOGUE.len()).map(|index| is_supported(index, &defaults, btf)).collect();
    let known = here.iter().filter(|here| **here == Some(true)).count();
    let count = format!("{known} of {} are in this kernel", CATALOGUE.len());
    let mut checks = vec![Check::ok("options", count)];
    checks.extend(options_not_asked(&here, &defaults));
    let lacking = CATALOGUE.iter().zip(&here).filter(|(_, here)| **here == Some(false));
    checks.extend(lacking.map(|(option, _)| {
        Check::missing(option.name, "not in this kernel", "use one that has it")
    }));
    checks
}

/// A line for each level with options of which nobody can tell.
fn options_not_asked(here: &[Option<bool>], defaults: &Defaults) -> Vec<Check> {
    let remedy = match (defaults.lacked_files(), defaults.was_refused()) {
        (true, _) => MORE_FILES,
        (false, true) => SUDO,
        (false, false) => "run it again while a program uses such sockets",
    };
    let mut levels: Vec<(Level, Vec<&str>)> = Vec::new();
    for (option, _) in CATALOGUE.iter().zip(here).filter(|(_, here)| here.is_none()) {
        match levels.iter_mut().find(|(level, _)| *level == option.level) {
            Some((_, names)) => names.push(option.name),
            None => levels.push((option.level, vec![option.name])),
        }
    }
    let check = |(level, names): &(Level, Vec<&str>)| {
        Check::unknown(level.name, format!("not asked: {}", names.join(", ")), remedy)
    };
    levels.iter().map(check).collect()
}
