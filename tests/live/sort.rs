//! The order of rows: `--sort`, compared with the values that the test sets and the kernel returns.

use std::io::{BufRead, BufReader};
use std::net::{TcpListener, UdpSocket};
use std::os::fd::AsFd;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::common::{self, enter_namespace, set, sockets, stdout};

const SOL_SOCKET: i32 = 1;
const SO_RCVBUF: i32 = 8;

/// The value that getsockopt(2) returns.
fn get(socket: &impl AsFd, number: i32) -> i64 {
    let mut buffer = [0; 4];
    knetstat::kernel::syscall::getsockopt(socket.as_fd(), SOL_SOCKET, number, &mut buffer)
        .expect("getsockopt");
    i32::from_ne_bytes(buffer).into()
}

/// Opens UDP sockets with these sizes of the receive buffer. Returns the sockets and the sizes that the
/// kernel has made of them.
fn with_buffers(sizes: &[i32]) -> (Vec<UdpSocket>, Vec<i64>) {
    let open = |size: &i32| {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a UDP socket");
        set(&socket, SOL_SOCKET, SO_RCVBUF, *size).expect("SO_RCVBUF");
        socket
    };
    let opened: Vec<UdpSocket> = sizes.iter().map(open).collect();
    let actual = opened.iter().map(|socket| get(socket, SO_RCVBUF)).collect();
    (opened, actual)
}

fn column(rows: &[Value], option: &str) -> Vec<i64> {
    rows.iter().filter_map(|row| row["options"][option].as_i64()).collect()
}

#[test]
fn rows_are_in_the_order_of_an_option() {
    enter_namespace();
    let (_open, mut sizes) = with_buffers(&[9000, 30000, 5000, 100000, 7000]);
    sizes.sort_unstable();
    // As a number, 9000 comes before 30000. As text it would not. Unsorted rows cannot be in both orders.
    assert_eq!(column(&sockets("-u --sort rcvbuf"), "SO_RCVBUF"), sizes);
    sizes.reverse();
    assert_eq!(sockets("-u --sort -state").len(), sizes.len(), "a key, and not a flag");
    for flag in ["--sort -rcvbuf", "--sort=-SO_RCVBUF", "--sort -so_rcvbuf,sport"] {
        assert_eq!(column(&sockets(&format!("-u {flag}")), "SO_RCVBUF"), sizes, "{flag}");
    }
    // In the table too, where the key is not shown.
    let ports = stdout("-uH --sort -rcvbuf --columns sport");
    let rows = sockets("-u --sort -rcvbuf");
    let expected: Vec<String> = rows.iter().map(|row| row["local"]["port"].to_string()).collect();
    assert_eq!(ports.split_whitespace().collect::<Vec<_>>(), expected);
}

#[test]
fn missing_values_are_last_and_the_next_key_decides_between_equal_rows() {
    enter_namespace();
    let (_open, _) = with_buffers(&[9000, 9000, 5000]);
    let _listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
    // UDP has no TCP_NODELAY.
    for flag in ["--sort nodelay,-rcvbuf,-sport", "--sort -nodelay,-rcvbuf,-sport"] {
        let rows = sockets(&format!("-tu4 {flag}"));
        let protocols: Vec<&str> = rows.iter().filter_map(|row| row["protocol"].as_str()).collect();
        assert_eq!(protocols, ["tcp", "udp", "udp", "udp"], "{flag}");
        let key =
            |row: &Value| (row["options"]["SO_RCVBUF"].as_i64(), row["local"]["port"].as_i64());
        let keys: Vec<_> = rows[1..].iter().map(key).collect();
        assert!(keys.is_sorted_by(|a, b| a > b), "{flag}: {keys:?}");
        assert_eq!(keys[2].0, Some(10_000), "{flag}");
    }
}

/// The sections of the table are sorted separately, the rows of JSON together.
#[test]
fn each_section_is_sorted_by_itself() {
    enter_namespace();
    let (_open, _) = with_buffers(&[9000, 5000]);
    let _pair = std::os::unix::net::UnixDatagram::pair().expect("a pair");
    let own = std::process::id();
    let text = stdout(&format!("-ux --pid {own} --sort protocol --columns protocol"));
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let unix = lines.iter().position(|line| *line == "unix").expect("a unix socket");
    assert!(lines[..unix].contains(&"udp"), "{text}");
    assert!(lines[unix..].iter().all(|line| *line == "unix"), "{text}");
    let rows = sockets(&format!("-ux --pid {own} --sort -protocol --columns protocol"));
    let words: Vec<&str> = rows.iter().filter_map(|row| row["protocol"].as_str()).collect();
    assert!(words.is_sorted_by(|a, b| a >= b) && words.contains(&"udp"), "{words:?}");
}

#[test]
fn holders_belong_to_their_rows() {
    enter_namespace();
    let (open, _) = with_buffers(&[9000, 30000, 5000]);
    let rows = sockets("-up --sort rcvbuf");
    for (row, size) in rows.iter().zip([5000, 9000, 30000]) {
        assert_eq!(row["options"]["SO_RCVBUF"], size * 2);
        let socket = open
            .iter()
            .find(|it| row["local"]["port"] == it.local_addr().expect("an address").port());
        let fd = common::number(socket.expect("a socket of this test"));
        let processes = row["processes"].as_array().expect("an array");
        let own = |it: &&Value| it["pid"] == std::process::id();
        assert!(processes.iter().filter(own).any(|it| it["fd"] == fd), "{row}");
    }
    // Sorting by a holder finds the holders, although none is shown.
    assert_eq!(sockets("-u --sort pid,-rcvbuf").len(), 3);
}

/// A child that holds UDP sockets at these ports, until the value is dropped. A process may not have as many
/// descriptors as the test needs sockets.
struct Crowd(Child);

impl Crowd {
    fn new(ports: std::ops::Range<u16>) -> Crowd {
        let script = format!(
            "import resource, socket, sys\n\
             limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]\n\
             resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))\n\
             sockets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range({})]\n\
             [s.bind(('127.0.0.1', {} + n)) for n, s in enumerate(sockets)]\n\
             print('ready', flush=True)\n\
             sys.stdin.read()",
            ports.len(),
            ports.start
        );
        let mut python = Command::new("python3");
        python.args(["-c", &script]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = python.spawn().expect("python3");
        let mut line = String::new();
        let stdout = child.stdout.as_mut().expect("a pipe");
        BufReader::new(stdout).read_line(&mut line).expect("a line");
        assert_eq!(line, "ready\n");
        Crowd(child)
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The most memory that knetstat uses, in bytes.
fn peak(arguments: &str) -> usize {
    let script = "import resource, subprocess, sys\n\
        subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)\n\
        print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)";
    let mut python = Command::new("python3");
    python.args(["-c", script, common::KNETSTAT]).args(arguments.split_whitespace());
    let output = python.output().expect("python3");
    let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    1024 * text.parse::<usize>().unwrap_or_else(|_| panic!("{output:?}"))
}

/// More than 20,000 rows need the memory of their records, and not that of their text.
#[test]
fn only_records_are_buffered() {
    enter_namespace();
    let crowds = [Crowd::new(1000..12_000), Crowd::new(20_000..31_000)];
    let number = 22_000;
    let length = stdout("-uJ").len() / number;
    let each = |flag: &str| peak(&format!("-uJ {flag}")).saturating_sub(peak("-uJ")) / number;
    let (sorted, counted) = (each("--sort -sport"), each("--count-by state"));
    common::say(&format!(
        "bytes for each of {number} sockets: {sorted} with --sort, {counted} with --count-by; \
         a row of JSON has {length}"
    ));
    assert!(sorted > 100 && sorted < length / 2, "{sorted} bytes a row");
    assert!(counted < 50, "{counted} bytes a row");
    let ports = stdout("-uH --sort -sport --columns sport");
    let ports: Vec<u16> = ports.lines().filter_map(|line| line.trim().parse().ok()).collect();
    assert_eq!(ports.len(), number);
    assert!(ports.is_sorted_by(|a, b| a > b));
    drop(crowds);
}
