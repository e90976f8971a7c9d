//! A check, and its verdict.

use serde::Serialize;

/// How it is with one thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    Ok,
    Missing,
    Unknown,
}

impl Verdict {
    pub fn word(self) -> &'static str {
        match self {
            Verdict::Ok => "ok",
            Verdict::Missing => "missing",
            Verdict::Unknown => "unknown",
        }
    }
}

/// What was found out about one thing.
#[derive(Debug, Serialize)]
pub struct Check {
    /// What it is about, in a word or two.
    pub name: String,
    pub verdict: Verdict,
    /// What there is, or what is lost without it.
    pub detail: String,
    /// The one thing to do; none where there is nothing to do.
    pub remedy: Option<String>,
    /// Whether the table needs it.
    pub needed: bool,
}

impl Check {
    pub fn ok(name: &str, detail: impl Into<String>) -> Check {
        let (name, detail) = (name.into(), detail.into());
        Check { name, verdict: Verdict::Ok, detail, remedy: None, needed: false }
    }

    pub fn missing(name: &str, detail: impl Into<String>, remedy: impl Into<String>) -> Check {
        Check { verdict: Verdict::Missing, remedy: Some(remedy.into()), ..Check::ok(name, detail) }
    }

    pub fn unknown(name: &str, detail: impl Into<String>, remedy: impl Into<String>) -> Check {
        Check { verdict: Verdict::Unknown, ..Check::missing(name, detail, remedy) }
    }

    pub fn needed(self) -> Check {
        Check { needed: true, ..self }
    }

    /// Whether the table does not work, or not wholly, because of it.
    pub fn is_obstacle(&self) -> bool {
        self.needed && self.verdict == Verdict::Missing
    }
}

/// What to do where nobody knows.
pub const REPORT: &str = "please report it, with all that 'knetstat doctor' says";
pub const SUDO: &str = "run it with sudo";
pub const MOUNT_PROC: &str = "'mount -t proc proc /proc'";
