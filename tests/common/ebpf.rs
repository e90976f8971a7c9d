//! BPF programs of the tests, from a C source.

use std::io::Write;
use std::os::fd::AsFd;
use std::process::{Command, Stdio};

use libbpf_rs::query::ProgInfoIter;
use libbpf_rs::{Object, ObjectBuilder, Program};
use serde_json::{json, Value};

use super::{number, wait_until};

/// A loaded object with BPF programs.
pub struct Ebpf(pub Object);

impl Ebpf {
    /// Loads a program for sockets that accepts every packet. The kernel keeps 15 characters of its name.
    pub fn socket_filter(name: &str) -> Ebpf {
        let function = format!("int {name}(void *packet) {{ return -1; }}");
        Ebpf::compile(&format!("__attribute__((section(\"socket\"))) {function}"))
            .expect("the kernel takes the program")
    }

    /// Compiles and loads the programs in a C source. Fails if the kernel rejects them.
    pub fn compile(source: &str) -> libbpf_rs::Result<Ebpf> {
        let mut clang = Command::new("clang")
            .args(["-target", "bpf", "-O2", "-g", "-x", "c", "-c", "-o", "-", "-"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("clang is needed, as it is to build knetstat");
        let mut stdin = clang.stdin.take().expect("it is a pipe");
        stdin.write_all(source.as_bytes()).expect("clang reads");
        drop(stdin);
        let output = clang.wait_with_output().expect("clang ends");
        let object = ObjectBuilder::default().open_memory(&output.stdout).expect("clang compiles");
        Ok(Ebpf(object.load()?))
    }

    /// The first program.
    pub fn program(&self) -> Program<'_> {
        self.0.progs().next().expect("there is one program")
    }

    /// Returns the ID of the first program, from bpf(2).
    pub fn id(&self) -> u32 {
        Program::id_from_fd(self.program().as_fd()).expect("a program has an id")
    }

    /// Returns the name of the first program, from bpf(2). The list of programs ends early if one of another
    /// test is unloaded.
    pub fn name(&self) -> String {
        let id = self.id();
        let mut name = None;
        wait_until("the kernel lists the program", || {
            let program = ProgInfoIter::default().find(|program| program.id == id);
            name = program.map(|program| program.name.to_string_lossy().into_owned());
            name.is_some()
        });
        name.expect("it is listed")
    }

    /// Returns the JSON of the first program as the value of an option.
    pub fn json(&self) -> Value {
        json!({"kind": "ebpf", "id": self.id(), "name": self.name()})
    }

    /// Returns the descriptor of the first program for setsockopt(2).
    pub fn descriptor(&self) -> [u8; 4] {
        number(&self.program().as_fd()).to_ne_bytes()
    }
}
