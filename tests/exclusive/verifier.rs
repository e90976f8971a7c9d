//! Loads each BPF program alone into this kernel: the verifier accepts it, and its cost stays well below
//! the limit for a program. Otherwise the next option would break a kernel that nobody has tried.

use std::collections::BTreeSet;
use std::os::unix::ffi::OsStrExt;
use std::sync::{Mutex, PoisonError};

use crate::common::{btf_has, not_tested, say};
use knetstat::kernel::abi::{
    fact_test, network_filter, number_filter, port_filter, port_range, prefilter, section_number,
    walk_parameters,
};
use knetstat::kernel::btf::{KernelBtf, MinimizedBtf};
use knetstat::kernel::family::Family;
use knetstat::kernel::object::{set_prefilter, set_walks, Part};
use knetstat::kernel::programs;
use knetstat::kernel::request::Request;
use knetstat::kernel::walk::HOLDERS;
use libbpf_rs::libbpf_sys::bpf_insn;
use libbpf_rs::query::{ProgInfoIter, ProgInfoQueryOptions, ProgramInfo};
use libbpf_rs::{OpenObject, PrintLevel};

/// include/linux/bpf.h, BPF_COMPLEXITY_LIMIT_INSNS
const LIMIT: usize = 1_000_000;

/// What the verifier logs: include/linux/bpf_verifier.h, BPF_LOG_STATS and BPF_LOG_LEVEL1. The latter is
/// long and slow.
const STATISTICS: u32 = 4;
const INSTRUCTIONS: u32 = 1;

/// include/net/tcp_states.h. TCP_CLOSE, because the programs for sockets in no table require it.
const TCP_ESTABLISHED: u32 = 1;
const TCP_CLOSE: u32 = 7;

/// The programs of each iterator: the preferred program, then those for kernels without bpf_loop() or
/// without the iterator.
const PROGRAMS: [&[&str]; 37] = [
    // Walks of pins, and the iterators that replace them.
    &["tcp_pin", "tcp_table", "tcp_table_without_loop"],
    &["udp_pin", "udp_table", "udp_table_without_loop"],
    &["mptcp_pin", "mptcp_subflows", "mptcp_subflows_without_loop"],
    &["unix_pin", "unix_table", "unix_table_without_loop", "unix_files_without_loop"],
    &["queue_pin", "queue_table", "queue_table_without_loop"],
    &["walk_place"],
    &["holder_walk", "holder_walk_without_loop"],
    &["tcp_ring_walk"],
    &["udp_ring_walk"],
    // Every kernel with a table of unix sockets for each namespace has bpf_loop().
    &["message_walk"],
    &["tcp_walk", "tcp_walk_without_loop"],
    &["udp_walk", "udp_walk_without_loop"],
    // Up to Linux 5.19, no namespace has a table of its own.
    &["unix_walk", "unix_walk_without_loop"],
    &["mptcp_walk", "mptcp_walk_without_loop"],
    &["packet_walk", "packet_walk_without_loop"],
    &["xdp_walk", "xdp_walk_without_loop"],
    &["raw_walk", "raw_walk_without_loop"],
    &["queue_walk", "queue_walk_without_loop"],
    &["queue_table", "queue_table_without_loop"],
    &["tcp_table", "tcp_table_without_loop"],
    &["udp_table", "udp_table_without_loop"],
    &["unix_table", "unix_table_without_loop", "unix_files_without_loop"],
    &["unix_files", "unix_files_without_loop"],
    &["raw_files", "raw_files_without_loop"],
    &["packet_files", "packet_files_without_loop"],
    &["xdp_files"],
    &["netlink_files"],
    &["netlink_bound"],
    &["vsock_files"],
    &["sctp_files", "sctp_files_without_loop"],
    &["tcp_files", "tcp_files_without_loop"],
    &["mptcp_files", "mptcp_files_without_loop"],
    &["mptcp_subflows", "mptcp_subflows_without_loop"],
    &["udp_files", "udp_files_without_loop"],
    &["other_files"],
    &["owners"],
    &["tasks"],
];

/// Whether these programs require bpf_loop(), and this kernel does not have it. They have no other variant.
fn are_for_newer_kernels(names: &[&str]) -> bool {
    let require_loop = ["message_walk", "tcp_ring_walk", "udp_ring_walk"];
    names.iter().all(|name| require_loop.contains(name)) && !btf_has("BPF_FUNC_loop")
}

/// The messages of libbpf and the verifier.
static SAID: Mutex<String> = Mutex::new(String::new());

fn remember(_: PrintLevel, text: String) {
    SAID.lock().unwrap_or_else(PoisonError::into_inner).push_str(&text);
}

/// The costs of a program: without a filter, the highest with one, and without the sections of a record.
struct Costs {
    unfiltered: usize,
    filtered: usize,
    bare: usize,
    /// The most bytes of the stack in a chain of calls, as [`stack_of`] counts them, if the kernel tells.
    stack: Option<usize>,
}

/// What the verifier told of a program that it took: the instructions that it has processed, and the stack.
struct Cost {
    instructions: usize,
    stack: Option<usize>,
}

/// Returns the costs of a program, or the end of the verifier's log. The prefilter is a constant to the
/// verifier: another prefilter is another program.
fn judge(types: &Types, name: &str) -> Result<Costs, String> {
    let with = |filter, log_level| load(types, name, filter, log_level);
    let cost = |filter| with(filter, STATISTICS).or_else(|_| with(filter, INSTRUCTIONS));
    let unfiltered = cost(None)?;
    let everything = prefilter::from(&Request::everything());
    let bare = cost(Some(prefilter { sections: 0, ..everything }))?;
    let mut filtered = vec![cost(Some(strictest()))?];
    for fact in facts(name) {
        filtered.push(cost(Some(prefilter { fact, ..strictest() }))?);
    }
    let stack = filtered.iter().chain([&unfiltered, &bare]).filter_map(|it| it.stack).max();
    Ok(Costs {
        unfiltered: unfiltered.instructions,
        filtered: filtered.iter().map(|it| it.instructions).max().unwrap_or_default(),
        bare: bare.instructions,
        stack,
    })
}

/// Tests of facts, which are different programs to the verifier: of the section that needs most of the stack,
/// and of those that only this program writes. `prefilter` of the other tests has the rest.
fn facts(program: &str) -> impl Iterator<Item = fact_test> {
    use section_number as number;
    let sections: &[number] = match program.split_once('_') {
        Some(("tcp", _)) => {
            &[number::SECTION_NUMBER_SOCKET, number::SECTION_NUMBER_TCP, number::SECTION_NUMBER_TLS]
        }
        Some(("udp", _)) => &[number::SECTION_NUMBER_SOCKET, number::SECTION_NUMBER_UDP],
        _ => &[],
    };
    sections.iter().map(|section| fact_test {
        section: 1 << section.0,
        place: 1,
        discarded_bits: 32,
        is_signed: 1,
        low: 5,
        span: 1000,
        ..fact_test::default()
    })
}

/// The strictest prefilter, without the test of a fact.
fn strictest() -> prefilter {
    let mut ports = port_filter::default();
    ports.count = ports.ranges.len() as u32;
    for (range, port) in ports.ranges.iter_mut().zip((1000..).step_by(10)) {
        *range = port_range { low: port, high: port + 5 };
    }
    let mut numbers = number_filter::default();
    numbers.count = numbers.numbers.len() as u32;
    numbers.numbers.iter_mut().zip(5..).for_each(|(number, n)| *number = n);
    let mut networks = network_filter::default();
    networks.count = networks.networks.len() as u32;
    for (network, n) in networks.networks.iter_mut().zip(1..) {
        *network = knetstat::kernel::abi::network { address: [n, n], mask: [u64::MAX, 0xff] };
    }
    prefilter {
        tcp_states: 1 << TCP_ESTABLISHED | 1 << TCP_CLOSE,
        udp_states: 2,
        want_ipv6: 1,
        sections: u32::MAX,
        local_ports: ports,
        remote_ports: ports,
        either_ports: ports,
        local_networks: networks,
        remote_networks: networks,
        either_networks: networks,
        interfaces: numbers,
        uids: numbers,
        ..prefilter::default()
    }
}

/// The types of the kernel. Without the minimized ones, which knetstat uses too, libbpf searches all of them each time,
/// which took two thirds of the time of this test.
struct Types {
    all: KernelBtf,
    minimized: MinimizedBtf,
}

impl Types {
    fn read() -> Types {
        let all = KernelBtf::load().expect("the types of this kernel");
        let minimized = all.minimize().expect("a file");
        Types { all, minimized }
    }

    /// Those for a program. `None` if some may be in a module.
    fn of(&self, program: &str) -> Option<&MinimizedBtf> {
        let begin = program.split('_').next();
        let family = Family::ALL.into_iter().find(|it| Some(it.name()) == begin);
        let structure = family.and_then(Family::structure);
        structure.is_none_or(|it| self.all.has_type(it)).then_some(&self.minimized)
    }
}

/// The stack that a chain of calls may need, and to what many kernels round the frame of each function up, such as 6.1:
/// kernel/bpf/verifier.c, check_max_stack_depth()
const STACK: usize = 512;
const FRAME: usize = 32;
/// The bytes of a frame in which a loop that replaces bpf_loop() keeps registers.
const SAVED_BY_LOOP: usize = 24;

/// A function of a program: the functions that it calls, and its callbacks, by indices.
#[derive(Default)]
struct Function {
    calls: Vec<usize>,
    callbacks: Vec<usize>,
}

/// The functions of a program that the kernel has taken. Those that are never called are gone.
fn functions(name: &str) -> Vec<Function> {
    let options = ProgInfoQueryOptions::default().include_xlated_prog_insns(true);
    let is_this = |it: &ProgramInfo| name.as_bytes().starts_with(it.name.as_bytes());
    let taken = ProgInfoIter::with_query_opts(options).filter(is_this).max_by_key(|it| it.id);
    let bytes = taken.expect("the program").xlated_prog_insns;
    let targets = bytes.chunks_exact(size_of::<bpf_insn>()).enumerate().filter_map(|(at, it)| {
        let (distance, is_call) = match (it[0], it[1] >> 4) {
            // BPF_JMP | BPF_CALL with BPF_PSEUDO_CALL: kernel/bpf/verifier.c, jit_subprogs()
            (0x85, 1) => (i16::from_ne_bytes([it[2], it[3]]).into(), true),
            // BPF_LD | BPF_IMM | BPF_DW with BPF_PSEUDO_FUNC
            (0x18, 4) => (i32::from_ne_bytes([it[4], it[5], it[6], it[7]]), false),
            _ => return None,
        };
        Some((at, at.checked_add_signed(distance as isize + 1)?, is_call))
    });
    let targets: Vec<(usize, usize, bool)> = targets.collect();
    let starts: BTreeSet<usize> = targets.iter().map(|it| it.1).chain([0]).collect();
    let index = |at: usize| starts.range(..=at).count() - 1;
    let mut functions: Vec<Function> = starts.iter().map(|_| Function::default()).collect();
    for (at, target, is_call) in &targets {
        let function = &mut functions[index(*at)];
        let list = if *is_call { &mut function.calls } else { &mut function.callbacks };
        list.push(index(*target));
    }
    functions
}

/// The most bytes of the stack in a chain of calls from a function, whose frames have these sizes.
fn stack_of(index: usize, functions: &[Function], frames: &[usize]) -> usize {
    let Function { calls, callbacks } = &functions[index];
    let all = calls.iter().chain(callbacks);
    let deepest = all.map(|it| stack_of(*it, functions, frames)).max().unwrap_or_default();
    // The kernel replaces a call of bpf_loop() by a loop after it has checked the stack: inline_bpf_loop()
    let has_loop = callbacks.iter().any(|it| calls.contains(it));
    let frame = frames[index] - if has_loop { SAVED_BY_LOOP } else { 0 };
    frame.max(1).next_multiple_of(FRAME) + deepest
}

/// Loads a single program.
fn load(
    types: &Types,
    name: &str,
    filter: Option<prefilter>,
    log_level: u32,
) -> Result<Cost, String> {
    SAID.lock().unwrap_or_else(PoisonError::into_inner).clear();
    let choose = |open: &mut OpenObject| {
        for mut program in open.progs_mut() {
            let known =
                PROGRAMS.iter().any(|names| names.iter().any(|known| program.name() == *known));
            assert!(known, "this test does not know {:?}", program.name());
            program.set_autoload(program.name() == name);
            program.set_log_level(log_level);
        }
        if Part::of(name) == Part::Walks {
            let walks = walk_parameters { lanes: 2, udplite_fd: 3, raw_fd: 4, raw6_fd: 5 };
            set_walks(open, &walks, true, name.starts_with(HOLDERS) || name.contains("ring"))?;
        }
        filter.as_ref().map_or(Ok(()), |filter| set_prefilter(open, filter))
    };
    let loaded = Part::of(name).load(types.of(name), choose, |_| Ok(functions(name)));
    let said = SAID.lock().unwrap_or_else(PoisonError::into_inner);
    let functions = loaded.map_err(|error| {
        let lines: Vec<_> = said.lines().collect();
        format!("{error}\n{}", lines[lines.len().saturating_sub(25)..].join("\n"))
    })?;
    let statistics = |begin| said.lines().filter_map(|line| line.strip_prefix(begin)).next_back();
    let processed = statistics("processed ").and_then(|line| line.split(' ').next()?.parse().ok());
    // `stack depth 8+0+56`. Newer kernels tell only the highest of these numbers, and older ones also those of functions
    // that are gone.
    let frames = statistics("stack depth ").and_then(|line| {
        let frames = line.split(' ').next()?.split('+');
        frames.map(|frame| frame.parse().ok()).collect::<Option<Vec<usize>>>()
    });
    let frames = frames.filter(|frames| frames.len() == functions.len());
    let stack = frames.map(|frames| stack_of(0, &functions, &frames));
    let instructions = processed.unwrap_or_else(|| panic!("no statistics of {name}: {said}"));
    Ok(Cost { instructions, stack })
}

/// Whether a line of the verifier's log says nothing about why it refuses a program.
fn is_statistics(line: &str) -> bool {
    let others = ["processed ", "verification time ", "stack depth ", "libbpf: ", "-- END"];
    line.is_empty() || others.iter().any(|begin| line.starts_with(begin))
}

#[test]
fn every_walk_has_a_program_that_the_kernel_takes() {
    let _turn = crate::exclusive();
    for program in programs::PROGRAMS {
        let is_judged = PROGRAMS.iter().any(|names| names[0] == program.name);
        assert!(is_judged, "this test does not know {}", program.name);
    }
    libbpf_rs::set_print(Some((PrintLevel::Debug, remember)));
    let types = Types::read();
    let (mut refused, mut measured) = (Vec::new(), 0);
    for names in PROGRAMS {
        let (mut taken, mut taken_first) = (0, false);
        let mut reasons = String::new();
        for name in names {
            match judge(&types, name) {
                Ok(Costs { unfiltered, filtered, bare, stack }) => {
                    taken += 1;
                    taken_first |= *name == names[0];
                    let instructions = unfiltered.max(filtered).max(bare);
                    say(&format!(
                        "verifier: {name} {unfiltered} (filtered {filtered}, without sections {bare}){}",
                        stack.map(|stack| format!(", {stack} bytes of stack")).unwrap_or_default()
                    ));
                    assert!(stack <= Some(STACK), "{name}: {stack:?} bytes of stack");
                    measured += usize::from(stack.is_some());
                    assert!(instructions < LIMIT / 2, "{name} takes {instructions} of {LIMIT}");
                }
                Err(reason) => {
                    let last = reason.lines().rfind(|line| !is_statistics(line)).unwrap_or(&reason);
                    say(&format!("verifier: {name} is refused: {last}"));
                    reasons += &format!("{name}: {reason}\n");
                }
            }
        }
        // Since 6.1. Kernels that have it take the walks of pins.
        let is_pin = names[0].ends_with("_pin") && btf_has("BPF_FUNC_user_ringbuf_drain");
        assert!(!is_pin || taken_first, "{reasons}");
        match taken {
            0 if are_for_newer_kernels(names) => {
                not_tested(&format!("{names:?}: this kernel has no bpf_loop()"))
            }
            0 => refused.push(reasons),
            _ => {}
        }
    }
    assert!(refused.is_empty(), "{}", refused.join("\n"));
    if measured == 0 {
        not_tested("the stack that programs need: this kernel does not tell it of each function");
    }
}
