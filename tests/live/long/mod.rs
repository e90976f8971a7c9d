//! `--long`: each sentence on a socket about which it is true, compared with what the kernel reports or does; and the
//! form of the blocks.

mod blocks;
mod ip;
mod said;
mod socket;
mod tcp;

use std::collections::BTreeSet;
use std::sync::Mutex;

use crate::common::enter_namespace;
use knetstat::options::meaning;

/// Scenes, by the sentences that are true there. A scene asserts that they are shown, and what the kernel does.
type Case = (&'static [&'static str], fn());

/// The number of scenes that run at the same time. Many of them only wait.
const WORKERS: usize = 6;

/// How often a scene is tried. A process that another thread has just started holds copies of the sockets, so that
/// close(2) does not end them. A sentence that is wrong fails each time.
const TRIES: usize = 3;

#[test]
fn every_sentence_is_true() {
    let cases: Vec<&Case> = [socket::CASES, tcp::CASES, ip::CASES].into_iter().flatten().collect();
    let known: BTreeSet<&str> = meaning::all().map(|sentence| sentence.text).collect();
    let listed: BTreeSet<&str> = cases.iter().flat_map(|(texts, _)| *texts).copied().collect();
    assert_eq!(listed, known, "a sentence has no socket, or a scene no sentence");
    let queue = Mutex::new(cases);
    let failed = Mutex::new(Vec::new());
    let take = || queue.lock().expect("no panic").pop();
    std::thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| {
                while let Some(case) = take() {
                    // The others are tried, too. The message has been printed.
                    let is_true = |_| std::panic::catch_unwind(|| run(case)).is_ok();
                    if !(0..TRIES).any(is_true) {
                        failed.lock().expect("no panic").push(case.0);
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().expect("no panic");
    assert!(failed.is_empty(), "{failed:#?}");
}

fn run((texts, scene): &Case) {
    enter_namespace();
    said::take_found();
    scene();
    let found = said::take_found();
    let missed: Vec<_> = texts.iter().filter(|text| !found.contains(*text)).collect();
    assert!(missed.is_empty(), "the scene does not show {missed:?}");
}
