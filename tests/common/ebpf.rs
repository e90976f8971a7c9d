//! BPF programs of the tests, from a C source.

use std::io::Write;
use std::os::fd::AsFd;
use std::process::{Command, Stdio};

use libbpf_rs::{Object, ObjectBuilder, Program};

/// A loaded object with BPF programs.
pub struct Ebpf(pub Object);

impl Ebpf {
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
}
