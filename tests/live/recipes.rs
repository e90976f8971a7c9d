//! The recipes of docs/testing.md: each is taken from the page and run, as far as its runtime is installed.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::common::{enter_namespace, not_tested, KNETSTAT};
use crate::documents::code_blocks;

const PAGE: &str = include_str!("../../docs/testing.md");

fn blocks(language: &str) -> Vec<&'static str> {
    code_blocks(PAGE, language)
}

/// A directory for the files of a recipe, with `knetstat` and `sudo` in bin/, which come first in PATH.
struct Place(PathBuf);

impl Place {
    fn new(name: &str) -> Place {
        let name = format!("knetstat-{name}-{}", std::process::id());
        let place = Place(std::env::temp_dir().join(name));
        let bin = place.0.join("bin");
        fs::create_dir_all(&bin).expect("a directory");
        std::os::unix::fs::symlink(KNETSTAT, bin.join("knetstat")).expect("a link");
        // The test is root already.
        place.write("bin/sudo", "#!/bin/sh\nexec \"$@\"\n");
        let executable = fs::Permissions::from_mode(0o755);
        fs::set_permissions(bin.join("sudo"), executable).expect("chmod");
        place
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.0.join(name), text).expect("a file");
    }

    /// Runs a command, and returns whether it succeeded and what it wrote.
    fn run(&self, command: &[&str]) -> (bool, String) {
        let path = std::env::var("PATH").unwrap_or_default();
        let output = Command::new(command[0])
            .args(&command[1..])
            .current_dir(&self.0)
            .env("PATH", format!("{}:{path}", self.0.join("bin").display()))
            .env("HOME", &self.0)
            .stdin(Stdio::null())
            .output()
            .unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let text = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8_lossy(&text).into_owned())
    }

    fn succeeds(&self, command: &[&str]) -> String {
        let (success, text) = self.run(command);
        assert!(success, "{command:?}: {text}");
        text
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Enters a namespace and returns a place for a recipe.
fn place(recipe: &str) -> Place {
    enter_namespace();
    Place::new(&recipe.replace(' ', "-"))
}

fn is_installed(command: &[&str]) -> bool {
    let mut command_line = Command::new(command[0]);
    command_line.args(&command[1..]).stdout(Stdio::null()).stderr(Stdio::null());
    command_line.status().is_ok_and(|status| status.success())
}

/// Returns the file of a recipe, and the name that its first line gives it.
fn file(language: &str, comment: &str) -> (&'static str, &'static str) {
    let [block] = blocks(language)[..] else { panic!("one recipe in {language}") };
    let name = block.lines().next().and_then(|line| line.strip_prefix(comment));
    (block, name.expect("the name of the file").trim())
}

/// Both forms of a recipe: as it is, and with an option turned off, which it must notice.
fn notices(place: &Place, name: &str, text: &str, command: &[&str], (on, off): (&str, &str)) {
    place.write(name, text);
    place.succeeds(command);
    assert!(text.contains(on), "{text}");
    place.write(name, &text.replace(on, off));
    let (success, output) = place.run(command);
    assert!(!success, "{name} does not notice that the option is off: {output}");
}

#[test]
fn pytest() {
    let (text, name) = file("python", "# ");
    let place = place("pytest");
    let pythons = ["python3", "/usr/bin/python3"];
    let has_pytest = |python: &&&str| is_installed(&[python, "-m", "pytest", "--version"]);
    let python = pythons.iter().find(has_pytest).expect("pytest, which make installs");
    let command = [python, "-m", "pytest", "-q", "-p", "no:cacheprovider", name];
    notices(&place, name, text, &command, ("TCP_NODELAY, 1)", "TCP_NODELAY, 0)"));
}

#[test]
fn jest() {
    let (text, name) = file("js", "// ");
    let place = place("jest");
    let off = ("noDelay: true", "noDelay: false");
    place.write("package.json", "{}");
    if is_installed(&["jest", "--version"]) {
        return notices(&place, name, text, &["jest", name], off);
    }
    not_tested("the recipe for jest: jest is not installed, only with Node's own runner");
    assert!(is_installed(&["node", "--test", "--version"]), "node, which make installs");
    // As the page says.
    assert!(PAGE.contains("`const test = require('node:test');`"));
    let text = format!("const test = require('node:test');\n{text}");
    notices(&place, name, &text, &["node", "--test", name], off);
}

#[test]
fn go() {
    let (text, name) = file("go", "// ");
    let place = place("Go");
    assert!(is_installed(&["go", "version"]), "go, which make installs");
    place.write("go.mod", "module options\n");
    let dial = "client, err := net.Dial(\"tcp\", server.Addr().String()) // the code under test";
    let off =
        format!("{dial}\n\tif err == nil {{\n\t\tclient.(*net.TCPConn).SetNoDelay(false)\n\t}}");
    notices(&place, name, text, &["go", "test", "-count=1", "."], (dial, &off));
}

/// The lines of `run:` of a step, without their indentation.
fn lines_of_step(step: &str) -> String {
    let (_, lines) = step.split_once("run: |\n").expect("a step that runs something");
    lines.lines().map(|line| format!("{}\n", line.trim_start())).collect()
}

#[test]
fn github_actions() {
    let [step] = blocks("yaml")[..] else { panic!("one step") };
    let place = place("GitHub Actions");
    // The server ends with the shell.
    let script = format!("trap 'kill $!' EXIT\n{}", lines_of_step(step));
    place.succeeds(&["sh", "-ec", &script]);
    let wrong = script.replace("reuseaddr", "broadcast");
    assert!(wrong != script && !place.run(&["sh", "-ec", &wrong]).0, "{wrong}");
}

/// The lines for a shell hold for a process whose connections have TCP_NODELAY, and only for it.
#[test]
fn shell() {
    let place = place("a shell");
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a listener");
    let address = listener.local_addr().expect("an address");
    let client = std::net::TcpStream::connect(address).expect("a connection");
    let (server, _) = listener.accept().expect("a connection");
    let script = blocks("sh").concat().replace("5s", "100ms");
    let pid = format!("PID={}; {script}", std::process::id());
    assert_eq!(script.matches("knetstat -tq").count(), 3, "{script}");
    assert!(!place.run(&["sh", "-ec", &pid]).0, "no connection has it");
    client.set_nodelay(true).expect("TCP_NODELAY");
    assert!(!place.run(&["sh", "-ec", &pid]).0, "only one has it");
    server.set_nodelay(true).expect("TCP_NODELAY");
    place.succeeds(&["sh", "-ec", &pid]);
}

#[test]
fn every_recipe_is_taken_from_the_page() {
    assert!(Path::new(KNETSTAT).exists());
    for (language, count) in [("sh", 2), ("python", 1), ("js", 1), ("go", 1), ("yaml", 1)] {
        assert_eq!(blocks(language).len(), count, "{language}");
    }
    assert_eq!(PAGE.matches("```").count(), 2 * 6, "a block in another language");
}
