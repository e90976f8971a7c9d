//! `make install` when cargo must not be run: it is missing, or sudo runs make.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::common::{knetstat, KNETSTAT};

/// A directory that is removed when the value is dropped.
struct Directory(PathBuf);

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Runs make with a cargo that is missing or always fails.
fn make(target: &str, program: &str, directory: &Directory, is_sudo: bool) -> Output {
    let mut make = Command::new("make");
    make.current_dir(env!("CARGO_MANIFEST_DIR")).env_clear().env("PATH", "/usr/bin:/bin");
    make.args([target, "--no-print-directory", "PREFIX=/usr"]);
    match is_sudo {
        true => make.env("SUDO_UID", "1000").arg("CARGO=false"),
        false => make.arg("CARGO=no-such-cargo"),
    };
    make.arg(format!("PROGRAM={program}")).arg(format!("DESTDIR={}", directory.0.display()));
    make.output().expect("make(1)")
}

fn files(below: &Path) -> Vec<PathBuf> {
    let entries =
        fs::read_dir(below).into_iter().flatten().map(|entry| entry.expect("a file").path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

#[test]
fn what_was_built_is_installed_without_cargo() {
    is_installed(false);
}

#[test]
fn what_was_built_is_installed_under_sudo() {
    is_installed(true);
}

fn is_installed(is_sudo: bool) {
    let name = format!("knetstat-install-{}-{is_sudo}", std::process::id());
    let directory = Directory(std::env::temp_dir().join(name));
    let make = |target: &str, program: &str| make(target, program, &directory, is_sudo);

    let output = make("install", "/nonexistent/knetstat");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr.contains("/nonexistent/knetstat does not exist"), "{stderr}");
    assert!(stderr.contains("make build"), "{stderr}");

    let output = make("install", KNETSTAT);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let installed = |path: &str| {
        let path = directory.0.join("usr").join(path);
        let mode = fs::metadata(&path).expect("an installed file").permissions().mode();
        assert_eq!(mode & 0o044, 0o044, "{}: {mode:o}", path.display());
        fs::read(path).expect("an installed file")
    };
    assert!(installed("bin/knetstat") == fs::read(KNETSTAT).expect("the program"));
    let page = fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/man/knetstat.8"));
    assert!(installed("share/man/man8/knetstat.8") == page.expect("the page"));
    for (shell, path) in [
        ("bash", "share/bash-completion/completions/knetstat"),
        ("zsh", "share/zsh/site-functions/_knetstat"),
        ("fish", "share/fish/vendor_completions.d/knetstat.fish"),
    ] {
        assert!(installed(path) == knetstat(["completions", shell]).stdout, "{shell}");
    }

    let output = make("uninstall", KNETSTAT);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(files(&directory.0), [] as [PathBuf; 0]);
}
