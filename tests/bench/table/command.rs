//! How the commands of the runs are started.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::bare;
use super::runs::Run;

const KNETSTAT: &str = env!("CARGO_BIN_EXE_knetstat");

/// The hidden argument of the bare loader.
pub const BARE: &str = "--bare";

/// A flag that only newer versions of ss(8) have. It is left out with others.
const SOCKOPT: &str = "--inet-sockopt";

/// The programs that are measured.
pub struct Tools {
    this: PathBuf,
    object: bare::Object,
    /// The version of ss(8), and whether it has [`SOCKOPT`]. `None` if it is not installed.
    ss: Option<(String, bool)>,
}

impl Tools {
    /// Finds the programs, and compiles that of the bare loader.
    pub fn find() -> anyhow::Result<Tools> {
        let output = |argument| {
            let output = Command::new("ss").arg(argument).stdin(Stdio::null()).output().ok()?;
            Some(String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
        };
        let ss = output("-V").zip(output("--help"));
        let ss = ss.map(|(version, help)| (version.trim().to_owned(), help.contains(SOCKOPT)));
        Ok(Tools { this: env::current_exe()?, object: bare::Object::compile()?, ss })
    }

    /// What a reader of the figures has to know about the programs.
    pub fn notes(&self) -> impl Iterator<Item = String> + '_ {
        let (version, has_sockopt) = match &self.ss {
            Some((version, has)) => (version.as_str(), *has),
            None => ("ss is not installed", true),
        };
        let lacks = (!has_sockopt).then(|| format!("this ss has no {SOCKOPT}, which is left out"));
        [version.to_owned()].into_iter().chain(lacks)
    }

    /// The program and the arguments of a run. `None` if the program is not installed.
    pub fn command(&self, run: &Run) -> Option<Vec<String>> {
        let [program, arguments @ ..] = run.words else {
            let this = self.this.to_string_lossy().into_owned();
            let object = self.object.path().to_string_lossy().into_owned();
            return Some(vec![this, BARE.to_owned(), object]);
        };
        let program = match *program {
            "knetstat" => Path::new(KNETSTAT).to_owned(),
            program => installed(program)?,
        };
        let has_sockopt = self.ss.as_ref().is_some_and(|(_, has)| *has);
        let arguments = arguments.iter().filter(|word| has_sockopt || **word != SOCKOPT);
        let program = program.to_string_lossy().into_owned();
        Some([program].into_iter().chain(arguments.map(|word| (*word).to_owned())).collect())
    }
}

/// Searches PATH for a program.
fn installed(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    let mut places = env::split_paths(&path).map(|directory| directory.join(program));
    places.find(|place| place.is_file())
}
