//! The name services of the system, asked for the names of addresses: getnameinfo(3). A process of its own asks them. It
//! stays in the network namespace in which the program was started, whatever namespace the program enters later, and it
//! opens sockets, which the sandbox forbids the program. It has no capabilities, and receives nothing but addresses.
//!
//! An address is sent as a line, and answered by a line with the address and its name.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::IpAddr;
use std::os::fd::{AsFd, OwnedFd};
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::mpsc::{channel, Receiver};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use nix::fcntl::{fcntl, FcntlArg, OFlag};
use nix::libc;
use nix::poll::{poll, PollFd, PollFlags, PollTimeout};
use nix::sys::prctl;
use nix::sys::wait::waitpid;
use nix::unistd::{dup2_stderr, dup2_stdin, dup2_stdout, fork, pipe2, ForkResult, Pid};

use crate::kernel::{ending, sandbox};

/// The number of addresses that are asked for at the same time.
const THREADS: usize = 32;

/// The time after which an answer is of no use any more.
pub const PATIENCE: Duration = Duration::from_secs(2);

/// The process that asks the name services. It ends when this value is dropped.
#[derive(Debug)]
pub struct NameService {
    /// `None` in a test without a process.
    pid: Option<Pid>,
    /// `None` once the process is to end.
    to: Option<File>,
    from: File,
    /// The part of a line that has arrived.
    line: Vec<u8>,
    /// The rest of a line of which a part has been sent.
    unfinished: Vec<u8>,
    /// Whether nobody answers any more.
    has_ended: bool,
}

impl NameService {
    /// Whether this program can use the name services of the system. They are shared libraries, which a static program
    /// does not load.
    pub const EXISTS: bool = !cfg!(target_feature = "crt-static");

    /// Starts the process. No other thread may have been started, because only the calling thread exists in the new
    /// process, which would wait for the locks of the others.
    ///
    /// # Errors
    ///
    /// When the kernel refuses a pipe or a process.
    pub fn start() -> io::Result<NameService> {
        let (questions, to) = pipe2(OFlag::O_CLOEXEC)?;
        let (from, answers) = pipe2(OFlag::O_CLOEXEC)?;
        // SAFETY: this is the only thread, so that the new process may do what this one may do.
        match unsafe { fork() }? {
            ForkResult::Parent { child } => {
                for end in [to.as_fd(), from.as_fd()] {
                    fcntl(end, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
                }
                Ok(NameService {
                    pid: Some(child),
                    to: Some(to.into()),
                    from: from.into(),
                    line: Vec::new(),
                    unfinished: Vec::new(),
                    has_ended: false,
                })
            }
            ForkResult::Child => {
                drop((to, from));
                let _ = catch_unwind(AssertUnwindSafe(|| serve(questions, answers)));
                // SAFETY: the call takes a number, and ends the process with all of its threads.
                unsafe { libc::_exit(0) }
            }
        }
    }

    /// Asks for the names of addresses. Returns the answers that arrive within the time, with an empty name for an address
    /// that has none. The names are not checked. A signal that is to end the run ends the waiting.
    pub fn ask(&mut self, addresses: &[IpAddr], limit: Duration) -> Vec<(IpAddr, Vec<u8>)> {
        let end = Instant::now() + limit;
        let mut questions = std::mem::take(&mut self.unfinished);
        let end_of_unfinished = questions.len();
        questions.extend(addresses.iter().flat_map(|address| format!("{address}\n").into_bytes()));
        let mut unsent = questions.as_slice();
        let mut missing: HashSet<IpAddr> = addresses.iter().copied().collect();
        let mut found = Vec::new();
        while !missing.is_empty() {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() || ending::has_signal() {
                break;
            }
            if self.exchange(&mut unsent, left).is_err() {
                self.has_ended = true;
                break;
            }
            // An answer to an earlier question may arrive late.
            found.extend(self.take_answers().filter(|(address, _)| missing.remove(address)));
        }
        // The next question must not continue a line of which only a part was sent when the time was over.
        let sent = questions.len() - unsent.len();
        if sent < end_of_unfinished || questions[..sent].last().is_some_and(|it| *it != b'\n') {
            self.unfinished =
                unsent.split_inclusive(|it| *it == b'\n').next().unwrap_or_default().to_vec();
        }
        found
    }

    /// Whether the process has ended, so that it answers no more questions.
    pub fn has_ended(&self) -> bool {
        self.has_ended
    }

    /// Waits until something can be sent or received, and sends and receives it.
    fn exchange(&mut self, unsent: &mut &[u8], limit: Duration) -> io::Result<()> {
        let writes = if unsent.is_empty() { PollFlags::empty() } else { PollFlags::POLLOUT };
        let Some(to) = &mut self.to else { return Ok(()) };
        let mut ends =
            [PollFd::new(self.from.as_fd(), PollFlags::POLLIN), PollFd::new(to.as_fd(), writes)];
        let timeout = PollTimeout::try_from(limit.max(Duration::from_millis(1)));
        match poll(&mut ends, timeout.unwrap_or(PollTimeout::MAX)) {
            Err(nix::errno::Errno::EINTR) => return Ok(()),
            answer => answer?,
        };
        if ends[1].revents().is_some_and(|it| !it.is_empty()) {
            if let Some(sent) = unless_blocked(to.write(unsent))? {
                *unsent = &unsent[sent..];
            }
        }
        let mut buffer = [0; 4096];
        match unless_blocked(self.from.read(&mut buffer))? {
            Some(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Some(length) => self.line.extend_from_slice(&buffer[..length]),
            None => {}
        }
        Ok(())
    }

    /// Takes the whole lines that have arrived.
    fn take_answers(&mut self) -> impl Iterator<Item = (IpAddr, Vec<u8>)> {
        let end = self.line.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let lines: Vec<u8> = self.line.drain(..end).collect();
        let answers: Vec<_> = lines.split(|byte| *byte == b'\n').filter_map(answer).collect();
        answers.into_iter()
    }
}

/// Ends the process, and waits for it. The first process of a container may wait for none that others leave to it, so that
/// each run would leave an entry in the table of processes. A process that was stopped is not waited for.
impl Drop for NameService {
    fn drop(&mut self) {
        self.to = None;
        let mut end = [PollFd::new(self.from.as_fd(), PollFlags::empty())];
        if let (Some(pid), Ok(1..)) = (self.pid, poll(&mut end, 1000_u16)) {
            let _ = waitpid(pid, None);
        }
    }
}

/// The result of a call for a descriptor that does not block. `None` if it would.
fn unless_blocked(result: io::Result<usize>) -> io::Result<Option<usize>> {
    match result {
        Ok(length) => Ok(Some(length)),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
        Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(None),
        Err(error) => Err(error),
    }
}

/// The address and the name in a line.
fn answer(line: &[u8]) -> Option<(IpAddr, Vec<u8>)> {
    let blank = line.iter().position(|byte| *byte == b' ')?;
    let address = std::str::from_utf8(&line[..blank]).ok()?.parse().ok()?;
    Some((address, line[blank + 1..].to_vec()))
}

/// Answers questions until nobody asks any more, whatever signal the program receives. The output of the program is closed
/// here, because its reader waits until nobody can write to it. `None` if this process cannot answer.
fn serve(questions: OwnedFd, answers: OwnedFd) -> Option<()> {
    ending::ignore_end_of_group();
    let nothing = File::options().read(true).write(true).open("/dev/null").ok()?;
    dup2_stdin(&nothing).ok()?;
    dup2_stdout(&nothing).ok()?;
    dup2_stderr(&nothing).ok()?;
    sandbox::enter_with_network().ok()?;
    let _ = prctl::set_name(c"knetstat-names");
    let (sender, receiver) = channel();
    let (receiver, answers) = (Arc::new(Mutex::new(receiver)), Arc::new(File::from(answers)));
    let mut threads = 0;
    for line in BufReader::new(File::from(questions)).lines() {
        let address: IpAddr = line.ok()?.parse().ok()?;
        sender.send((Instant::now(), address)).ok()?;
        if threads < THREADS {
            let (receiver, answers) = (Arc::clone(&receiver), Arc::clone(&answers));
            let thread = thread::Builder::new().spawn(move || answer_all(&receiver, &answers));
            threads += usize::from(thread.is_ok());
        }
        if threads == 0 {
            return None;
        }
    }
    Some(())
}

/// Answers questions, but not those that have waited so long behind others that nobody waits for the answer.
fn answer_all(questions: &Mutex<Receiver<(Instant, IpAddr)>>, mut answers: &File) {
    let next = || questions.lock().unwrap_or_else(PoisonError::into_inner).recv();
    while let Ok((asked, address)) = next() {
        if asked.elapsed() > PATIENCE {
            continue;
        }
        let mut line = format!("{address} ").into_bytes();
        line.extend(
            system::name(address).filter(|name| !name.contains(&b'\n')).unwrap_or_default(),
        );
        line.push(b'\n');
        // A line is shorter than PIPE_BUF, so that it arrives as a whole: pipe(7).
        if answers.write_all(&line).is_err() {
            return;
        }
    }
}

/// The name services of the C library, which a static program does not have.
mod system {
    use std::net::IpAddr;

    /// The name of an address, if it has one.
    #[cfg(not(target_feature = "crt-static"))]
    pub fn name(address: IpAddr) -> Option<Vec<u8>> {
        use std::net::SocketAddr;
        use std::ptr;

        use nix::libc;
        use nix::sys::socket::{SockaddrLike, SockaddrStorage};

        /// NI_MAXHOST of netdb.h, in bytes.
        const NAME_MAX: usize = 1025;
        let socket = SockaddrStorage::from(SocketAddr::new(address, 0));
        let mut name = [0_u8; NAME_MAX];
        let (buffer, size) = (name.as_mut_ptr().cast(), NAME_MAX as libc::socklen_t);
        let flags = libc::NI_NAMEREQD;
        // SAFETY: the address is valid for its length, and the call writes a terminated text that fits the buffer.
        let result = unsafe {
            libc::getnameinfo(
                socket.as_ptr(),
                socket.len(),
                buffer,
                size,
                ptr::null_mut(),
                0,
                flags,
            )
        };
        let end = name.iter().position(|byte| *byte == 0)?;
        (result == 0).then(|| name[..end].to_vec())
    }

    #[cfg(target_feature = "crt-static")]
    pub fn name(_: IpAddr) -> Option<Vec<u8>> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A process that is so slow that questions do not fit the pipe still receives whole lines.
    #[test]
    fn a_line_is_not_continued_by_the_next_question() {
        let (questions, to) = pipe2(OFlag::O_NONBLOCK).expect("a pipe");
        fcntl(&to, FcntlArg::F_SETPIPE_SZ(4096)).expect("a small pipe");
        let (from, _answers) = pipe2(OFlag::O_NONBLOCK).expect("a pipe");
        let (line, unfinished) = (Vec::new(), Vec::new());
        let (to, from) = (File::from(to), File::from(from));
        let mut service =
            NameService { pid: None, to: Some(to), from, line, unfinished, has_ended: false };
        let address = |n: u32| IpAddr::from(std::net::Ipv4Addr::from_bits(0xc633_6400 + n));
        let many: Vec<IpAddr> = (0..6000).map(address).collect();
        let limit = Duration::from_millis(500);
        let mut read = Vec::new();
        for addresses in [&many[..], &many[..1], &many[1..2]] {
            assert_eq!(service.ask(addresses, limit), []);
            let mut buffer = vec![0; 1 << 20];
            let length = File::from(questions.try_clone().expect("a pipe")).read(&mut buffer);
            read.extend_from_slice(&buffer[..length.expect("questions")]);
        }
        assert!(!service.has_ended());
        let text = String::from_utf8(read).expect("text");
        let asked: Vec<IpAddr> = text.lines().map(|line| line.parse().expect(line)).collect();
        assert!(asked.len() < many.len(), "the pipe was never full");
        assert_eq!(asked[asked.len() - 2..], many[..2]);
    }
}
