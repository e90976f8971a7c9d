//! The bare loader: a process that loads an iterator over TCP sockets whose program does nothing, and reads
//! it. The kernel visits every socket for it, as for the programs of knetstat.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{self, Command};

use anyhow::{ensure, Context};
use libbpf_rs::{Iter, IterOpts, ObjectBuilder};

const NOTHING: &str = r#"
char LICENSE[] __attribute__((section("license"))) = "GPL";
__attribute__((section("iter/tcp"))) int nothing(void *context) { return 0; }
"#;

/// The object of the program, which is removed when the value is dropped.
pub struct Object(PathBuf);

impl Object {
    /// Compiles the program.
    pub fn compile() -> anyhow::Result<Object> {
        let object = Object(env::temp_dir().join(format!("knetstat-bench-{}.o", process::id())));
        let source = object.0.with_extension("c");
        fs::write(&source, NOTHING)?;
        let status = Command::new("clang")
            .args(["-target", "bpf", "-O2", "-g", "-c", "-o"])
            .args([&object.0, &source])
            .status()
            .context("cannot run clang");
        fs::remove_file(source)?;
        ensure!(status?.success(), "clang does not compile the program of the bare loader");
        Ok(object)
    }

    /// The file of the object.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Object {
    fn drop(&mut self) {
        // Without it, there is nothing to remove.
        let _ = fs::remove_file(&self.0);
    }
}

/// Loads the program from the file of its object, and reads the iterator to its end.
pub fn load(object: &Path) -> anyhow::Result<()> {
    let object = ObjectBuilder::default().open_file(object)?.load()?;
    let program = object.progs_mut().next().context("a program")?;
    let link = program.attach_iter_with_opts(IterOpts::None)?;
    let mut iterator = Iter::new(&link)?;
    loop {
        match std::io::Read::read(&mut iterator, &mut [0; 4096]) {
            Ok(0) => return Ok(()),
            Ok(_) => anyhow::bail!("the program writes nothing"),
            // EAGAIN: the iterator visited a million objects without output. The next read continues.
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error.into()),
        }
    }
}
