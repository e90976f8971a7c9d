//! The description of an option in the catalogue.

use crate::kernel::request::FactTest;
use crate::options::context::Context;
use crate::options::kind::ValueKind;
use crate::options::set::Marker;
use crate::options::value::Value;
use crate::options::{decode, getsockopt};
use crate::record::fact::{sections, Fact, Sections};
use crate::socket::kind::Family;

/// An option.
pub struct OptionSpec {
    /// The name of the C constant.
    pub name: &'static str,
    /// Names of other constants for the same option. They are accepted, but never printed.
    pub aliases: &'static [&'static str],
    /// The level of getsockopt(2): SOL_SOCKET, IPPROTO_IP ...
    pub level: Level,
    /// The number at that level.
    pub number: i32,
    /// How the value is laid out and formatted.
    pub kind: ValueKind,
    /// How the value is decoded from a record.
    pub(super) decoder: Decoder,
    /// When the option counts as set.
    pub marker: Marker,
    /// Whether getsockopt(2) can report the option. If it cannot, the option is shown wherever a record
    /// contains it.
    pub has_getter: bool,
    /// The offset of the value in the structure that getsockopt(2) returns, and the size of the structure.
    /// (0, 0) if the value is not in a structure.
    pub inside: (usize, usize),
    /// For an option that no new socket can report: a struct of the kernel, and the member that exists if the
    /// kernel has the option. Otherwise empty.
    pub kept_in: (&'static str, &'static str),
    /// What the option does, in one line.
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
    /// The value is a single fact, interpreted by the kind of the option.
    Number(Fact),
    /// A function decodes the value from these facts.
    Function { facts: &'static [Fact], decode: fn(&Context) -> Option<Value> },
}

impl OptionSpec {
    /// Marks an option that getsockopt(2) cannot report, and names the kernel member that holds it.
    pub(super) const fn without_getter(
        mut self,
        of: &'static str,
        member: &'static str,
    ) -> OptionSpec {
        self.has_getter = false;
        self.kept_in = (of, member);
        self
    }

    /// Marks an option that a socket has only while it uses TLS. No new socket does.
    pub(super) const fn with_tls(mut self, member: &'static str) -> OptionSpec {
        self.kept_in = ("tls_context", member);
        self
    }

    /// Marks an option whose value is at offset `begin` in a structure of `size` bytes. The rest of the
    /// structure names the association or address to ask about. Zeros leave that to the kernel.
    pub(super) const fn inside(mut self, (begin, size): (usize, usize)) -> OptionSpec {
        self.inside = (begin, size);
        self
    }

    /// Adds aliases.
    pub(super) const fn also_called(mut self, aliases: &'static [&'static str]) -> OptionSpec {
        self.aliases = aliases;
        self
    }

    /// Whether sockets of a family can have the option, according to its level.
    pub fn may_be_of(&self, family: Family) -> bool {
        match self.level.name {
            "IPPROTO_TCP" | "SOL_TLS" => matches!(family, Family::Tcp | Family::Mptcp),
            "IPPROTO_UDP" => family == Family::Udp,
            "IPPROTO_IP" | "IPPROTO_IPV6" => matches!(
                family,
                Family::Tcp | Family::Udp | Family::Raw | Family::Mptcp | Family::Sctp
            ),
            "SOL_RAW" | "SOL_ICMPV6" => family == Family::Raw,
            "SOL_SCTP" => family == Family::Sctp,
            "SOL_NETLINK" => family == Family::Netlink,
            "AF_VSOCK" => family == Family::Vsock,
            "SOL_PACKET" => family == Family::Packet,
            "SOL_XDP" => family == Family::Xdp,
            _ => true,
        }
    }

    /// The name of the level and the number, such as `SOL_SOCKET 9`.
    pub fn level_and_number(&self) -> String {
        format!("{} {}", self.level.name, self.number)
    }

    /// The size in bytes of the buffer to pass to getsockopt(2), which must be filled with zeros.
    pub fn size(&self) -> usize {
        self.inside.1.max(self.kind.size())
    }

    /// Parses a result of getsockopt(2). `bytes` is what fit into the buffer, and `length` the length of the
    /// whole value.
    pub fn from_getsockopt(&self, bytes: &[u8], length: usize) -> Option<Value> {
        getsockopt::value(self.kind, bytes.get(self.inside.0..)?, length)
    }

    /// Decodes the value of a socket. Returns `None` if this kernel or this socket does not have the option.
    pub fn decode(&self, context: &Context) -> Option<Value> {
        match self.decoder {
            Decoder::Function { decode, .. } => decode(context),
            Decoder::Number(fact) => Some(decode::number(context, self.kind, context.get(fact)?)),
        }
    }

    /// The facts from which the value is decoded.
    pub(super) const fn facts(&self) -> &[Fact] {
        match &self.decoder {
            Decoder::Number(fact) => std::slice::from_ref(fact),
            Decoder::Function { facts, .. } => facts,
        }
    }

    /// The sections of a record that the value is read from, and whether it is set.
    pub fn sections(&self) -> Sections {
        let items = if self.kind.is_in_items() { Sections::ITEMS } else { Sections::default() };
        sections(self.facts()) | sections(self.marker.facts()) | items
    }

    /// A test in the kernel of whether the value is in this range or, if `inverted`, outside of it. `None` if
    /// the value is not a single number that the kernel stores as it is.
    pub fn test(&self, low: i128, high: i128, inverted: bool) -> Option<FactTest> {
        let Decoder::Number(fact) = self.decoder else { return None };
        let (section, place) = fact.place();
        Some(FactTest { section, place, number: decode::stored(self.kind), low, high, inverted })
    }

    /// The fact that is the whole value, if there is one, and its bits that belong to the value.
    pub(super) fn single_fact(&self) -> Option<(Fact, u64)> {
        match self.decoder {
            Decoder::Number(fact @ Fact::Flag(..)) => Some((fact, 1)),
            Decoder::Number(fact) => Some((fact, decode::width(self.kind))),
            Decoder::Function { .. } => None,
        }
    }
}
