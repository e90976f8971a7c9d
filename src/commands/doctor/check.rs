//! A check, its verdict, and the problem that it has found.

use std::fmt;

use serde::Serialize;

/// The verdict of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    Ok,
    /// Something does not work here.
    Missing,
    Unknown,
    /// Worth knowing, but not a problem.
    Note,
}

impl Verdict {
    pub fn word(self) -> &'static str {
        match self {
            Verdict::Ok => "ok",
            Verdict::Missing => "missing",
            Verdict::Unknown => "unknown",
            Verdict::Note => "note",
        }
    }
}

/// What does not work, why, and what to do about it. Checks with the same cause have the same problem.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    pub what: String,
    pub why: String,
    pub remedy: String,
}

impl Problem {
    pub fn new(
        what: impl Into<String>,
        why: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Problem {
        Problem { what: what.into(), why: why.into(), remedy: remedy.into() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{}: {} ({})", self.what, self.why, self.remedy)
    }
}

/// A check with its result.
#[derive(Debug, Serialize)]
pub struct Check {
    /// The subject of the check, in a word or two.
    pub name: String,
    pub verdict: Verdict,
    /// What was found.
    pub detail: String,
    /// What to do. `None` if there is nothing to do.
    pub remedy: Option<String>,
    /// Whether the table requires it.
    pub needed: bool,
    /// The options that it concerns.
    pub options: Vec<&'static str>,
    #[serde(skip)]
    pub problem: Option<Problem>,
}

impl Check {
    fn new(name: &str, verdict: Verdict, detail: String, remedy: Option<String>) -> Check {
        let (needed, options, problem) = (false, Vec::new(), None);
        Check { name: name.into(), verdict, detail, remedy, needed, options, problem }
    }

    pub fn ok(name: &str, detail: impl Into<String>) -> Check {
        Check::new(name, Verdict::Ok, detail.into(), None)
    }

    pub fn note(name: &str, detail: impl Into<String>) -> Check {
        Check::new(name, Verdict::Note, detail.into(), None)
    }

    pub fn unknown(name: &str, detail: impl Into<String>, remedy: impl Into<String>) -> Check {
        Check::new(name, Verdict::Unknown, detail.into(), Some(remedy.into()))
    }

    pub fn missing(name: &str, problem: Problem) -> Check {
        let detail = format!("{}: {}", problem.what, problem.why);
        let remedy = Some(problem.remedy.clone());
        Check { problem: Some(problem), ..Check::new(name, Verdict::Missing, detail, remedy) }
    }

    pub fn needed(self) -> Check {
        Check { needed: true, ..self }
    }

    pub fn remedy(self, remedy: impl Into<String>) -> Check {
        Check { remedy: Some(remedy.into()), ..self }
    }

    pub fn about(self, options: Vec<&'static str>) -> Check {
        Check { options, ..self }
    }

    /// The problem because of which the table does not work or is incomplete.
    pub fn obstacle(&self) -> Option<&Problem> {
        self.problem.as_ref().filter(|_| self.needed)
    }
}

/// The name of the check of the whole table, and the subject of problems that affect all of it.
pub const TABLE: &str = "table";
/// The remedy if no other is known.
pub const REPORT: &str = "please report it with the output of `knetstat doctor -v`";

/// Returns a command that requires root, ready to be pasted by this user.
pub fn as_root(command: &str) -> String {
    let sudo = if nix::unistd::geteuid().is_root() { "" } else { "sudo " };
    format!("`{sudo}{command}`")
}

/// How to mount /proc.
pub fn mount_proc() -> String {
    as_root("mount -t proc proc /proc")
}
