//! What the catalogue says of an option.

use crate::options::context::Context;
use crate::options::kind::ValueKind;
use crate::options::set::Marker;
use crate::options::value::Value;
use crate::options::{decode, getsockopt};
use crate::record::fact::Fact;

/// An option.
pub struct OptionSpec {
    /// The C constant.
    pub name: &'static str,
    /// Other constants for the same thing; they are understood, never printed.
    pub aliases: &'static [&'static str],
    /// The level of getsockopt(2): SOL_SOCKET, IPPROTO_IP ...
    pub level: Level,
    /// The number at that level.
    pub number: i32,
    /// How the value is worded and laid out.
    pub kind: ValueKind,
    /// How the value is decoded from a record.
    pub(super) decoder: Decoder,
    /// When it counts as set.
    pub marker: Marker,
    /// Whether getsockopt(2) can report it. What only the kernel side sees is shown wherever it sees it.
    pub has_getter: bool,
    /// Where in what getsockopt(2) lays out the value begins, and how large that is; 0, 0: it is the value.
    pub inside: (usize, usize),
    /// Of an option that no new socket can report: the kernel's struct and the member of it that are
    /// there if the option is; else empty.
    pub kept_in: (&'static str, &'static str),
    /// What it does, in one line.
    pub help: &'static str,
}

/// A level of getsockopt(2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Level {
    pub name: &'static str,
    pub number: i32,
}

/// How an option is decoded from a record.
#[derive(Clone, Copy)]
pub(super) enum Decoder {
    /// It is the number of one fact, as its kind says.
    Number(Fact),
    /// A function is given these facts.
    Function { facts: &'static [Fact], decode: fn(&Context) -> Option<Value> },
}

impl OptionSpec {
    /// Marks an option that getsockopt(2) cannot report, and says where the kernel keeps it.
    pub(super) const fn without_getter(
        mut self,
        of: &'static str,
        member: &'static str,
    ) -> OptionSpec {
        self.has_getter = false;
        self.kept_in = (of, member);
        self
    }

    /// Marks an option that a socket has only when TLS is on top of it, as it is of no new one.
    pub(super) const fn with_tls(mut self, member: &'static str) -> OptionSpec {
        self.kept_in = ("tls_context", member);
        self
    }

    /// Says that getsockopt(2) has the value in a larger structure, from this byte on, of this size. The
    /// rest says of whom one asks, which zeros leave to the kernel.
    pub(super) const fn inside(mut self, (begin, size): (usize, usize)) -> OptionSpec {
        self.inside = (begin, size);
        self
    }

    /// Adds other names.
    pub(super) const fn also_called(mut self, aliases: &'static [&'static str]) -> OptionSpec {
        self.aliases = aliases;
        self
    }

    /// The level's name and the number, as `SOL_SOCKET 9`.
    pub fn level_and_number(&self) -> String {
        format!("{} {}", self.level.name, self.number)
    }

    /// How many bytes to offer getsockopt(2), which are to be zeros.
    pub fn size(&self) -> usize {
        self.inside.1.max(self.kind.size())
    }

    /// The value that getsockopt(2) laid out: `bytes` of the buffer, of a value of `length`.
    pub fn from_getsockopt(&self, bytes: &[u8], length: usize) -> Option<Value> {
        getsockopt::value(self.kind, bytes.get(self.inside.0..)?, length)
    }

    /// The value of a socket; `None` when this kernel or this socket does not have the option.
    pub fn decode(&self, context: &Context) -> Option<Value> {
        match self.decoder {
            Decoder::Function { decode, .. } => decode(context),
            Decoder::Number(fact) => Some(decode::number(context, self.kind, context.get(fact)?)),
        }
    }

    /// The facts that the value is decoded from.
    pub(super) const fn facts(&self) -> &[Fact] {
        match &self.decoder {
            Decoder::Number(fact) => std::slice::from_ref(fact),
            Decoder::Function { facts, .. } => facts,
        }
    }

    /// The fact that alone makes the value, if one does, and the bits of it that count.
    pub(super) fn single_fact(&self) -> Option<(Fact, u64)> {
        match self.decoder {
            Decoder::Number(fact @ Fact::Flag(..)) => Some((fact, 1)),
            Decoder::Number(fact) => Some((fact, decode::width(self.kind))),
            Decoder::Function { .. } => None,
        }
    }
}
