//! Making and removing pins: directories, modes and mounts, and what is said about them. exclusive::pins tests
//! on other kernels, too, that a directory is removed.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{chown, symlink, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Barrier;
use std::thread;

use knetstat::commands::pin::access::Access;
use knetstat::commands::pin::directory::Directory;
use knetstat::commands::pin::place::Place;
use nix::fcntl::{fcntl, FcntlArg, FdFlag, Flock, FlockArg};
use nix::libc;
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;
use serde_json::Value;

use crate::common::writing::{Stream, Writing};
use crate::common::{say, End, KNETSTAT};
use crate::pins::{as_nobody, fails, member, succeeds, with_empty_run, Pinned, Scene, GROUP};
use crate::sandbox::{run, Everybodys};

#[test]
fn what_an_interrupted_pin_leaves_is_no_set_and_is_removed() {
    let _scene = Scene::new();
    let pinned = Pinned::new("half", &[]);
    let program = Everybodys::new("pins-half");
    let good = pinned.set();
    // It ended before the set was finished, and before the link was renamed.
    let half = pinned.0.join("set_0123456789abcdef");
    fs::create_dir(&half).expect("a directory");
    let only_root = || fs::set_permissions(&half, fs::Permissions::from_mode(0o700));
    only_root().expect("chmod");
    fs::rename(good.join("vsock_files"), half.join("vsock_files")).expect("rename");
    symlink("set_0123456789abcdef", pinned.0.join("new_records")).expect("a link");
    assert_eq!(pinned.set(), good);
    succeeds(&member(&program, &pinned, "-t"));
    pinned.pin(&[]);
    assert!(!half.exists() && !pinned.0.join("new_records").is_symlink() && !good.exists());
    succeeds(&member(&program, &pinned, "-t --vsock"));
    // It ended before the first set was finished.
    fs::create_dir(&half).expect("a directory");
    only_root().expect("chmod");
    fs::remove_file(pinned.0.join("records")).expect("the link");
    fails(&member(&program, &pinned, "-t"), "there are none");
    pinned.unpin();
    assert!(!pinned.0.exists());
    // It ended before the file system was mounted.
    fs::create_dir(&pinned.0).expect("a directory");
    fails(&member(&program, &pinned, "-t"), "there are none");
    assert!(pinned.unpin().contains("which was empty"));
    assert!(!pinned.0.exists());
    assert_eq!(pinned.unpin(), format!("nothing is pinned in {}\n", pinned.path()));
}

#[test]
fn what_is_no_pin_is_not_opened() {
    let _scene = Scene::new();
    let program = Everybodys::new("pins-none");
    let place = Pinned::nowhere("none");
    fs::create_dir(&place.0).expect("a directory");
    let records = place.0.join("records");
    let foreign = "does not lead to a BPF file system";
    let reads = || member(&program, &place, "-t");
    fails(&reads(), "there are none");
    File::create(&records).expect("a file");
    fails(&reads(), foreign);
    fs::remove_file(&records).expect("the file");
    mkfifo(&records, Mode::from_bits_truncate(0o666)).expect("a FIFO");
    fails(&reads(), foreign);
    fs::remove_file(&records).expect("the FIFO");
    fs::create_dir(&records).expect("a directory");
    fails(&reads(), foreign);
    // A set in another file system, whose pin is a FIFO: opening it would wait for a writer.
    fs::rename(&records, place.0.join("set_1")).expect("rename");
    symlink("set_1", &records).expect("a link");
    mkfifo(&place.0.join("set_1/tcp_table"), Mode::from_bits_truncate(0o666)).expect("a FIFO");
    fails(&reads(), foreign);
    let unpinned = run(KNETSTAT, &["unpin", "--dir", place.path()]);
    fails(&unpinned, "it is not a directory of pins");
    let pinned = run(KNETSTAT, &["pin", "--dir", place.path()]);
    fails(&pinned, "it is not empty");
    fs::remove_dir_all(&place.0).expect("the directory");
}

/// A BPF file system whose files are not what their names say.
#[test]
fn foreign_pins_are_refused_or_kept() {
    let _scene = Scene::new();
    let pinned = Pinned::new("foreign", &["--with-owners"]);
    let program = Everybodys::new("pins-foreign");
    let table = pinned.set().join("tcp_table");
    fs::rename(pinned.set().join("owners"), &table).expect("rename");
    let output = member(&program, &pinned, "-tJ");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("no record begins here") && said.lines().count() == 1, "{said}");
    assert_eq!(output.status.code(), Some(1));
    assert!(serde_json::from_slice::<Value>(&output.stdout).is_err());
    // A file of another file system in the place of a pin, and a directory.
    let fifo = std::env::temp_dir().join(format!("knetstat-pins-fifo-{}", std::process::id()));
    mkfifo(&fifo, Mode::from_bits_truncate(0o666)).expect("a FIFO");
    succeeds(&run(
        "mount",
        &["--bind", fifo.to_str().expect("UTF-8"), table.to_str().expect("UTF-8")],
    ));
    fails(&member(&program, &pinned, "-t"), "does not lead to a BPF file system");
    succeeds(&run("umount", &[table.to_str().expect("UTF-8")]));
    fs::remove_file(&fifo).expect("the FIFO");
    fs::remove_file(&table).expect("the pin");
    fs::create_dir(&table).expect("a directory");
    fails(&member(&program, &pinned, "-t"), "does not lead to a BPF file system");
    // The pins of others are left.
    pinned.pin(&[]);
    let other = pinned.0.join("other");
    fs::rename(pinned.set().join("vsock_files"), &other).expect("rename");
    assert!(pinned.unpin().contains("but not other files"));
    assert!(other.exists() && !pinned.0.join("records").is_symlink());
    fs::remove_file(&other).expect("the pin");
}

#[test]
fn wrong_arguments_change_nothing() {
    let place = Pinned::nowhere("wrong");
    for (arguments, said) in [
        (["--group", "nosuchgroup"], "unknown group 'nosuchgroup'"),
        (["--group", "4294967295"], "invalid group '4294967295'"),
        (["--mode", "0640"], "invalid mode '0640' (expected 0400, 0440 or 0444)"),
        (["--mode", "x"], "invalid mode 'x'"),
    ] {
        let output = run(KNETSTAT, &[&["pin", "--dir", place.path()], &arguments[..]].concat());
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(text.contains(said) && text.lines().count() == 1, "{text}");
    }
    let limited = ["--bounding-set", "-sys_admin", KNETSTAT, "pin", "--dir", place.path()];
    fails(&run("setpriv", &limited), "cannot mount a BPF file system: Operation not permitted");
    assert!(!place.0.exists(), "the directory is left");
    let missing = place.0.join("below");
    fails(&run(KNETSTAT, &["pin", "--dir", missing.to_str().expect("UTF-8")]), "No such file");
    let program = Everybodys::new("pins-wrong");
    let nobody = as_nobody(None, &program.program, &["pin", "--dir", place.path()]);
    fails(&nobody, "CAP_BPF and CAP_PERFMON are required");
    assert!(!place.0.exists());
}

#[test]
fn what_is_done_is_said_without_capabilities() {
    let pinned = Pinned::nowhere("said");
    let mut command = Command::new(KNETSTAT);
    let writing = Writing::start(command.args(["pin", "--dir", pinned.path()]), Stream::Out);
    writing.has_no_capabilities("pin");
    let mut command = Command::new(KNETSTAT);
    let writing = Writing::start(command.args(["unpin", "--dir", pinned.path()]), Stream::Out);
    writing.has_no_capabilities("unpin");
    assert!(!pinned.0.exists());
}

/// A descriptor of a pin that was opened without reading it gives no access that the pins no longer give.
#[test]
fn access_ends_with_the_pins() {
    let _scene = Scene::new();
    let pinned = Pinned::new("revoked", &[]);
    let open = |name: &str| {
        let flags = libc::O_PATH | libc::O_CLOEXEC;
        let file = File::options().read(true).custom_flags(flags).open(pinned.0.join(name));
        let file = file.expect("a pin");
        fcntl(&file, FcntlArg::F_SETFD(FdFlag::empty())).expect("a descriptor to inherit");
        file
    };
    let can_read = |file: &File| {
        let path = format!("/proc/self/fd/{}", file.as_raw_fd());
        as_nobody(Some(GROUP), "head", &["-c1", &path]).status.success()
    };
    for step in ["pin", "pin --mode 0400", "unpin"] {
        pinned.pin(&["--mode", "0440"]);
        let files = ["records/tcp_table", "tcpstat"].map(open);
        assert_eq!(files.each_ref().map(can_read), [true; 2], "before {step}");
        let words = step.split(' ').chain(["--dir", pinned.path()]);
        succeeds(&run(KNETSTAT, &words.collect::<Vec<_>>()));
        assert_eq!(files.each_ref().map(can_read), [step == "pin"; 2], "after {step}");
    }
}

/// Who may read the pins may lock them, which holds up nobody.
#[test]
fn readers_hold_up_no_change() {
    let _scene = Scene::new();
    let pinned = Pinned::new("locked", &[]);
    let lock = |path: &Path| {
        let file = File::open(path).expect("a file");
        Flock::lock(file, FlockArg::LockExclusiveNonblock).expect("a lock")
    };
    let paths = [pinned.0.clone(), pinned.set(), pinned.set().join("tcp_table")];
    let locks = paths.each_ref().map(|path| lock(path));
    pinned.pin(&[]);
    // What holds it up cannot be opened by others.
    let file = pinned.0.join("knetstat_lock");
    assert_eq!(file.metadata().expect("a directory").permissions().mode() & 0o7777, 0o700);
    let held = lock(&file);
    for command in ["pin", "unpin"] {
        let output = run(KNETSTAT, &[command, "--dir", pinned.path()]);
        fails(&output, "another process is changing them");
    }
    drop(held);
    pinned.unpin();
    drop(locks);
    assert!(!pinned.0.exists());
}

#[test]
fn only_root_can_lead_to_the_pins() {
    let base = std::env::temp_dir().join(format!("knetstat-pins-path-of-{}", std::process::id()));
    fs::create_dir(&base).expect("a directory");
    let at = |name: &str| base.join(name);
    for (name, owner, mode) in
        [("own", 0, 0o755), ("other", 65534, 0o755), ("open", 0, 0o777), ("sticky", 0, 0o1777)]
    {
        fs::create_dir(at(name)).expect("a directory");
        chown(at(name), Some(owner), None).expect("chown");
        fs::set_permissions(at(name), fs::Permissions::from_mode(mode)).expect("chmod");
    }
    fs::create_dir(at("sticky/other")).expect("a directory");
    chown(at("sticky/other"), Some(65534), None).expect("chown");
    symlink("own", at("link")).expect("a link");
    File::create(at("file")).expect("a file");
    let change = "users other than root can change /";
    for (name, said) in [
        ("other", change),
        ("other/new", change),
        ("open", change),
        ("open/new", change),
        ("sticky", change),
        ("sticky/other", change),
        ("sticky/other/new", change),
        ("link", "it is a symbolic link"),
        ("file", "it is not a directory"),
        ("own/..", "does not end in a name"),
    ] {
        let path = at(name);
        let path = path.to_str().expect("UTF-8");
        fails(&run(KNETSTAT, &["pin", "--dir", path]), said);
        if path.ends_with("/new") {
            assert!(!Path::new(path).exists(), "{name}");
        } else {
            fails(&run(KNETSTAT, &["unpin", "--dir", path]), said);
        }
    }
    // By a link of root among the parents, and in a directory where everybody may make files.
    for name in ["link/new", "sticky/new"] {
        let pinned = Pinned(at(name));
        pinned.pin(&[]);
        assert!(at(name).join("records/tcp_table").exists());
        pinned.unpin();
        assert!(!at(name).exists());
    }
    fs::remove_dir_all(&base).expect("the directory");
}

/// A BPF file system of others, in which names look like those of knetstat.
#[test]
fn files_of_others_are_neither_replaced_nor_removed() {
    let _scene = Scene::new();
    let place = Pinned::nowhere("shared");
    fs::create_dir(&place.0).expect("a directory");
    succeeds(&run("mount", &["-t", "bpf", "-o", "mode=0755", "others", place.path()]));
    let at = |name: &str| place.0.join(name);
    let names = || {
        let entries = place.0.read_dir().expect("a directory").flatten();
        let names = entries.map(|it| it.file_name().into_string().expect("UTF-8"));
        // The kernel makes those with a dot.
        names.filter(|name| !name.contains('.')).collect::<BTreeSet<_>>()
    };
    for name in ["tcpstat", "records"] {
        fs::create_dir(at(name)).expect("a directory");
        fails(&run(KNETSTAT, &["pin", "--dir", place.path()]), "there is not of knetstat");
        assert_eq!(names(), BTreeSet::from([name.to_owned()]));
        fs::remove_dir(at(name)).expect("the directory");
    }
    let others = ["set_others", "set_0123456789abcdef", "new_others"];
    for name in others {
        fs::create_dir(at(name)).expect("a directory");
    }
    symlink("set_others", at("records")).expect("a link");
    fails(&run(KNETSTAT, &["pin", "--dir", place.path()]), "records there is not of knetstat");
    assert!(place.unpin().contains("but not other files"));
    fs::remove_file(at("records")).expect("the link");
    place.pin(&[]);
    assert!(at("records/tcp_table").exists() && at("tcpstat").exists());
    place.pin(&[]);
    assert!(place.unpin().contains("but not other files"));
    assert_eq!(names(), others.map(str::to_owned).into());
    succeeds(&run("umount", &[place.path()]));
    fs::remove_dir(&place.0).expect("the directory");
}

/// `knetstat pin` without flags makes the pins again for the same readers, as its messages tell users to do.
#[test]
fn pins_are_made_again_for_the_same_readers() {
    let _scene = Scene::new();
    let pinned = Pinned::new("again", &["--mode", "0444", "--with-owners"]);
    let old = pinned.set();
    let said = succeeds(&run(KNETSTAT, &["pin", "--dir", pinned.path()]));
    assert!(
        said.contains("kept from the pins before: the group, the mode and the processes"),
        "{said}"
    );
    let found = |name: &str| {
        let found = pinned.set().join(name).metadata().expect("a pin");
        (found.gid().to_string(), found.permissions().mode() & 0o7777)
    };
    assert_ne!(pinned.set(), old);
    assert_eq!(found("tcp_table"), (GROUP.into(), 0o444));
    assert_eq!(found("owners"), (GROUP.into(), 0o444));
    succeeds(&run(KNETSTAT, &["pin", "--dir", pinned.path(), "--mode", "0440"]));
    assert_eq!(found("owners"), (GROUP.into(), 0o440));
    pinned.unpin();
    let said = succeeds(&run(KNETSTAT, &["pin", "--dir", pinned.path()]));
    assert!(!said.contains("kept"), "{said}");
    assert_eq!(found("tcp_table"), ("0".into(), 0o440));
    assert!(!pinned.set().join("owners").exists());
}

/// A BPF file system in a directory, and a directory in it.
struct Foreign(PathBuf);

impl Foreign {
    fn mount(test: &str, mode: &str) -> Foreign {
        let place =
            std::env::temp_dir().join(format!("knetstat-foreign-{test}-{}", std::process::id()));
        fs::create_dir(&place).expect("a directory");
        let options = format!("mode={mode}");
        let path = place.to_str().expect("UTF-8");
        succeeds(&run("mount", &["-t", "bpf", "-o", &options, "others", path]));
        Foreign(place)
    }
}

impl Drop for Foreign {
    fn drop(&mut self) {
        let path = self.0.to_str().expect("UTF-8");
        let _ = run(KNETSTAT, &["unpin", "--dir", path]);
        let _ = run("umount", &[path]);
        let _ = fs::remove_dir(&self.0);
    }
}

/// The mode and the group of a file.
fn access_of(path: &Path) -> (u32, u32) {
    let found = path.metadata().expect("a file");
    (found.mode() & 0o7777, found.gid())
}

/// Who may enter a file system, and a directory, was decided by those who have made it.
#[test]
fn directories_of_others_keep_their_modes() {
    let program = Everybodys::new("pins-modes");
    for (mode, lets_in) in [("0700", false), ("0755", true), ("0750", false)] {
        let foreign = Foreign::mount("modes", mode);
        let pinned = Pinned(foreign.0.clone());
        let before = access_of(&pinned.0);
        for arguments in [&[][..], &["--mode", "0440"], &["--mode", "0400"], &["--mode", "0440"]] {
            let said = pinned.pin(arguments);
            assert_eq!(access_of(&pinned.0), before, "{mode} {arguments:?}");
            let is_refused = said.contains("but not by the group 65533: /");
            assert_eq!(is_refused, !lets_in && arguments != ["--mode", "0400"], "{mode}: {said}");
        }
        assert_eq!(member(&program, &pinned, "-t").status.success(), lets_in, "{mode}");
    }
    // A directory of an administrator, and one that knetstat makes.
    let foreign = Foreign::mount("modes", "0750");
    let own = Pinned(foreign.0.join("own"));
    fs::create_dir(&own.0).expect("a directory");
    fs::set_permissions(&own.0, fs::Permissions::from_mode(0o711)).expect("chmod");
    let new = Pinned(foreign.0.join("new"));
    for (mode, given) in [("0440", 0o750), ("0444", 0o755), ("0400", 0o700), ("0440", 0o750)] {
        own.pin(&["--mode", mode]);
        assert_eq!(access_of(&own.0), (0o711, 0));
        new.pin(&["--mode", mode]);
        assert_eq!(access_of(&new.0), (given, 65533));
    }
    // Without a reason to think that it is still as knetstat has left it.
    fs::set_permissions(&new.0, fs::Permissions::from_mode(0o705)).expect("chmod");
    new.pin(&["--mode", "0444"]);
    assert_eq!(access_of(&new.0), (0o705, 65533));
}

#[test]
fn a_parent_that_keeps_readers_out_is_named() {
    let base = std::env::temp_dir().join(format!("knetstat-pins-parent-{}", std::process::id()));
    fs::create_dir(&base).expect("a directory");
    let pinned = Pinned(base.join("pins"));
    let program = Everybodys::new("pins-parents");
    for (mode, gid, lets_in) in [(0o700, 0, false), (0o711, 0, true), (0o701, 65533, false)] {
        chown(&base, None, Some(gid)).expect("chown");
        fs::set_permissions(&base, fs::Permissions::from_mode(mode)).expect("chmod");
        let said = pinned.pin(&[]);
        assert_eq!(said.contains("readable by root and the group 65533 (mode"), lets_in, "{said}");
        let named = format!("{} has the mode {mode:04o}", base.display());
        assert_eq!(said.contains(&named), !lets_in, "{said}");
        assert_eq!(member(&program, &pinned, "-u").status.success(), lets_in, "{mode:o}");
    }
    pinned.unpin();
    fs::remove_dir(&base).expect("the directory");
}

/// What refuses a path, and that nothing is left there.
#[test]
fn paths_that_cannot_be_used_are_explained() {
    let foreign = Foreign::mount("names", "0755");
    let at = |name: &[u8]| foreign.0.join(std::ffi::OsStr::from_bytes(name));
    let fails = |path: &Path, said: &str| {
        let output = Command::new(KNETSTAT).arg("pin").arg("--dir").arg(path).output();
        fails(&output.expect("it starts"), said);
    };
    fails(&at(b"with.dot"), "a name in a BPF file system contains no dot");
    fails(&at(b"with.dot/below"), "a name in a BPF file system contains no dot");
    let file = std::env::temp_dir().join(format!("knetstat-pins-file-{}", std::process::id()));
    File::create(&file).expect("a file");
    fails(&file.join("x"), &format!("{} is not a directory", file.display()));
    fs::remove_file(&file).expect("the file");
    let path = std::env::temp_dir().join(std::ffi::OsStr::from_bytes(b"knetstat-pins-\xff"));
    fails(&path, "knetstat-pins-\\xff: the path is not UTF-8 (name another directory)");
    assert!(!path.exists());
}

/// What a run takes away that fails after it has made the directory.
#[test]
fn a_pin_that_fails_leaves_nothing() {
    let place = Pinned::nowhere("undone");
    let access = Access { gid: 65533, mode: 0o440 };
    let checked = Place::check(&place.0).expect("a path");
    let directory = Directory::make(&checked, access, None).expect("a directory");
    assert!(directory.is_mounted());
    directory.make_set().expect("a set");
    directory.abandon(access);
    assert!(!place.0.exists());
    // What was there before stays.
    let foreign = Foreign::mount("undone", "0755");
    for (path, is_left) in [(foreign.0.join("new"), false), (foreign.0.clone(), true)] {
        let checked = Place::check(&path).expect("a path");
        let directory = Directory::make(&checked, access, None).expect("a directory");
        let set = directory.make_set().expect("a set");
        directory.abandon(access);
        assert_eq!((path.exists(), path.join(set).exists()), (is_left, false));
    }
}

/// Two runs that make the directory at once mount one file system, so that none hides the pins of the other.
#[test]
fn runs_at_once_mount_one_file_system() {
    let place = Pinned::nowhere("at-once");
    let access = Access { gid: 65533, mode: 0o440 };
    let checked = Place::check(&place.0).expect("a path");
    let both = Barrier::new(2);
    let mut at_once = 0;
    for round in 0..200 {
        let make = || {
            both.wait();
            Directory::make(&checked, access, None).is_ok()
        };
        let made = thread::scope(|scope| {
            let other = scope.spawn(make);
            [make(), other.join().expect("it ends")]
        });
        assert!(made.contains(&true), "round {round}");
        at_once += usize::from(made == [true; 2]);
        let mounts = fs::read_to_string("/proc/self/mountinfo").expect("mounts");
        let count = mounts.lines().filter(|line| line.contains(place.path())).count();
        assert_eq!(count, 1, "round {round}: one file system hides another");
        place.unpin();
    }
    say(&format!("pins: {at_once} of 200 pairs of runs at once were both done"));
}

/// A run that makes the directory while another removes it leaves nothing that stops the next run.
#[test]
fn runs_at_once_leave_no_lock() {
    let place = Pinned::nowhere("removed-at-once");
    let access = Access { gid: 65533, mode: 0o440 };
    let checked = Place::check(&place.0).expect("a path");
    let is_over = AtomicBool::new(false);
    let (mut made, mut removed) = (0, 0);
    thread::scope(|scope| {
        let _end = End(&is_over);
        let remover = scope.spawn(|| {
            let mut removed = 0;
            while !is_over.load(Ordering::Relaxed) {
                let opened = Directory::open(&checked).ok().flatten();
                removed += usize::from(opened.is_some_and(|it| it.remove().is_ok()));
            }
            removed
        });
        for _ in 0..5000 {
            made += usize::from(Directory::make(&checked, access, None).is_ok());
        }
        is_over.store(true, Ordering::Relaxed);
        removed = remover.join().expect("it ends");
    });
    drop(Directory::make(&checked, access, None).expect("the directory"));
    place.unpin();
    assert!(!place.0.exists());
    say(&format!("pins: made {made} times while they were removed {removed} times"));
}

#[test]
fn file_systems_one_over_another_are_all_removed() {
    let place = Pinned::nowhere("stacked");
    place.pin(&[]);
    let mount = ["-t", "bpf", "-o", "mode=0700", "knetstat", place.path()];
    succeeds(&run("mount", &mount));
    fs::create_dir(place.0.join("knetstat_mount")).expect("the mark of knetstat");
    place.pin(&[]);
    assert_eq!(place.unpin(), format!("removed {} and its pins\n", place.path()));
    assert!(!place.0.exists());
}

/// `ip netns exec` and `unshare --mount` mount where others do not see it.
#[test]
fn pins_that_others_do_not_see_are_said_to_be_hidden() {
    let program = Everybodys::new("pins-hidden");
    let hidden = "only processes in this mount namespace see them";
    let said = succeeds(&with_empty_run(&program, "$0 pin"));
    assert!(said.contains(hidden), "{said}");
    let mounts = |process: &str| fs::read(format!("/proc/{process}/mountinfo")).ok();
    if mounts("self") == mounts("1") {
        let pinned = Pinned::nowhere("seen");
        let said = pinned.pin(&[]);
        assert!(!said.contains(hidden), "{said}");
        // The file system is that of others.
        let foreign = Foreign::mount("seen", "0755");
        let path = foreign.0.join("pins");
        let pin = format!("$0 pin --dir {}", path.display());
        let said = succeeds(&with_empty_run(&program, &pin));
        assert!(!said.contains(hidden), "{said}");
    } else {
        crate::common::not_tested("pins that the first process sees");
    }
}
