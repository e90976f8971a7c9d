//! Types in the binary form of the kernel's BTF, and copies of them without some members:
//! Documentation/bpf/btf.rst

use std::collections::HashMap;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;

use crate::common::KNETSTAT;
use serde_json::Value;

const KERNEL_BTF: &str = "/sys/kernel/btf/vmlinux";

pub const INT: u32 = 1;
pub const ARRAY: u32 = 3;
pub const STRUCT: u32 = 4;
pub const UNION: u32 = 5;
pub const ENUM: u32 = 6;
pub const TYPEDEF: u32 = 8;
pub const VOLATILE: u32 = 9;
pub const CONST: u32 = 10;
pub const RESTRICT: u32 = 11;
const FUNC_PROTO: u32 = 13;
const VAR: u32 = 14;
const DATASEC: u32 = 15;
const DECL_TAG: u32 = 17;
pub const ENUM64: u32 = 19;

/// A type: its offset, its kind, the number of its members, and their size.
#[derive(Clone, Copy)]
pub struct Type {
    pub begin: usize,
    pub kind: u32,
    pub count: usize,
    size: usize,
}

impl Type {
    /// Returns the offset of a member by its index.
    pub fn member(&self, number: usize) -> usize {
        self.begin + 12 + number * self.size
    }
}

/// Types by number.
#[derive(Clone)]
pub struct Types {
    bytes: Vec<u8>,
    /// The offset of the names.
    names: usize,
    /// The types from number 1 on. Number 0 is void.
    all: Arc<Vec<Type>>,
    /// The structures, unions and enumerations by name.
    owners: Arc<HashMap<String, Vec<Type>>>,
}

impl Types {
    /// Returns the types of the running kernel.
    pub fn of_kernel() -> Types {
        Types::parse(fs::read(KERNEL_BTF).expect("BTF"))
    }

    /// Parses the types of a file, or of a section `.BTF`.
    pub fn parse(bytes: Vec<u8>) -> Types {
        let mut types = Types { bytes, names: 0, all: Arc::default(), owners: Arc::default() };
        let [length, begin, size, names] = [4, 8, 12, 16].map(|at| types.number(at));
        types.names = length + names;
        let all = types.types(length + begin, length + begin + size);
        let mut owners: HashMap<String, Vec<Type>> = HashMap::new();
        let is_owner = |it: &&Type| matches!(it.kind, STRUCT | UNION | ENUM | ENUM64);
        for owner in all.iter().filter(is_owner) {
            owners.entry(types.name(owner.begin).to_owned()).or_default().push(*owner);
        }
        (types.all, types.owners) = (Arc::new(all), Arc::new(owners));
        types
    }

    fn types(&self, mut at: usize, end: usize) -> Vec<Type> {
        let mut all = Vec::new();
        while at < end {
            let info = self.number(at + 4) as u32;
            let (kind, count) = (info >> 24 & 31, info as usize & 0xffff);
            let (count, size) = match kind {
                INT | VAR | DECL_TAG => (1, 4),
                ARRAY => (1, 12),
                STRUCT | UNION | DATASEC | ENUM64 => (count, 12),
                ENUM | FUNC_PROTO => (count, 8),
                _ => (0, 0),
            };
            all.push(Type { begin: at, kind, count, size });
            at += 12 + count * size;
        }
        all
    }

    /// Returns the type of this number.
    pub fn get(&self, number: usize) -> Option<Type> {
        self.all.get(number.checked_sub(1)?).copied()
    }

    /// Returns the 32-bit number at an offset.
    pub fn number(&self, at: usize) -> usize {
        u32::from_ne_bytes(self.bytes[at..at + 4].try_into().expect("four bytes")) as usize
    }

    /// Returns the name whose position in the list of names is stored at an offset.
    pub fn name(&self, at: usize) -> &str {
        self.string(self.number(at))
    }

    /// Returns the name at this position in the list of names.
    pub fn string(&self, place: usize) -> &str {
        let name = self.bytes[self.names + place..].split(|byte| *byte == 0).next();
        std::str::from_utf8(name.unwrap_or_default()).expect("a name")
    }

    /// Returns the offsets of the names of a type's members, including those of unnamed structures inside
    /// it.
    fn members(&self, owner: Type) -> Vec<usize> {
        let mut all = Vec::new();
        for member in (0..owner.count).map(|number| owner.member(number)) {
            let is_enum = matches!(owner.kind, ENUM | ENUM64);
            let unnamed = !is_enum && self.name(member).is_empty();
            match self.get(self.number(member + 4)).filter(|_| unnamed) {
                Some(of) if of.kind == STRUCT || of.kind == UNION => all.extend(self.members(of)),
                _ => all.push(member),
            }
        }
        all
    }

    /// Removes a `type.member`. Returns false if there is none.
    pub fn take(&mut self, what: &str) -> bool {
        let (owner, name) = what.split_once('.').expect("type.member");
        let owners = self.owners.get(owner).cloned().unwrap_or_default();
        let members = owners.into_iter().flat_map(|owner| self.members(owner));
        let found: Vec<usize> = members.filter(|member| self.name(*member) == name).collect();
        for member in &found {
            let shorter = self.number(*member) as u32 + 1;
            self.bytes[*member..member + 4].copy_from_slice(&shorter.to_ne_bytes());
        }
        !found.is_empty()
    }
}

/// A file with a kernel's types. It is removed when the value is dropped.
pub struct TypesFile(PathBuf);

impl TypesFile {
    pub fn new(types: &Types) -> TypesFile {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("knetstat-{}-btf-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::write(&path, &types.bytes).expect("a file");
        TypesFile(path)
    }

    /// Runs knetstat with these types as the kernel's.
    pub fn run(&self, arguments: &str) -> Output {
        let script = format!(
            "mount --bind {} {KERNEL_BTF} && exec {KNETSTAT} {arguments}",
            self.0.display()
        );
        let output = Command::new("unshare").args(["--mount", "sh", "-c", &script]).output();
        output.expect("unshare(1)")
    }

    /// Returns the sockets that knetstat shows with these types as the kernel's, or its message.
    pub fn sockets(&self, arguments: &str) -> Result<Vec<Value>, String> {
        let output = self.run(&format!("{arguments} -J"));
        let stderr = String::from_utf8_lossy(&output.stderr);
        match output.status.success() && stderr.is_empty() {
            true => Ok(serde_json::from_slice(&output.stdout).expect("a JSON array")),
            false => Err(format!("{}: {stderr}", output.status)),
        }
    }
}

impl Drop for TypesFile {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}
