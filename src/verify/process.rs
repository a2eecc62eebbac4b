//! Programs that are run, watched, and stopped when they must be.

use super::interrupt;
use super::trouble::{Tried, Trouble};
use std::fs::File;
use std::io::{Read, Write};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// How often a running program is looked at.
const PULSE: Duration = Duration::from_millis(20);

/// How long a program has to end by itself after it was told to.
const GRACE: Duration = Duration::from_secs(5);

/// How much of each stream is kept; the rest is read and dropped, so that nothing fills up.
pub const KEPT: usize = 1 << 20;

/// How much of a program's output goes into its log.
const LOGGED: u64 = 64 << 20;

/// How a program is watched.
#[derive(Clone, Copy)]
pub struct Watch {
    /// How long it may run.
    pub limit: Duration,
    /// Whether it is stopped when the user interrupts dfix. Not so for what cleans up.
    pub heed: bool,
}

impl Watch {
    /// For what answers at once.
    pub const QUICK: Self = Self { limit: Duration::from_secs(60), heed: true };
    /// For cleaning up.
    pub const CLEANUP: Self = Self { limit: Duration::from_secs(60), heed: false };
}

/// How a program ended.
#[derive(Debug)]
pub struct Ended {
    /// Its exit code; -1 for a signal.
    pub code: i32,
    /// The beginning of its standard output.
    pub out: String,
    /// The beginning of its standard error.
    pub err: String,
    /// How long it took.
    pub took: Duration,
}

impl Ended {
    /// Whether it succeeded.
    pub fn is_ok(&self) -> bool {
        self.code == 0
    }

    /// Its last words.
    pub fn complaint(&self) -> String {
        let said = if self.err.trim().is_empty() { &self.out } else { &self.err };
        said.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("no message").trim().to_owned()
    }
}

/// What a program has said so far: the beginning of it.
#[derive(Debug, Clone, Default)]
pub struct Heard(Arc<Mutex<Vec<u8>>>);

impl Heard {
    fn lock(&self) -> MutexGuard<'_, Vec<u8>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// As text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.lock()).into_owned()
    }
}

/// A program that runs in a process group of its own: a Ctrl-C at the terminal reaches dfix alone, which then
/// decides what is stopped and in which order.
pub struct Running {
    child: Child,
    /// Standard output.
    pub out: Heard,
    /// Standard error.
    pub err: Heard,
    readers: Vec<JoinHandle<()>>,
    since: Instant,
}

impl Running {
    /// Starts a program. What it prints goes into `log`, too.
    pub fn start(mut command: Command, log: Option<File>) -> Tried<Self> {
        own_group(&mut command);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let name = command.get_program().to_string_lossy().into_owned();
        let mut child = command.spawn().map_err(|error| Trouble::io(&name, &error))?;
        let log = log.map(|file| Arc::new(Mutex::new((file, 0))));
        let (out, err) = (Heard::default(), Heard::default());
        let mut readers = Vec::new();
        if let Some(stream) = child.stdout.take() {
            readers.push(listen(stream, &out, log.clone()));
        }
        if let Some(stream) = child.stderr.take() {
            readers.push(listen(stream, &err, log));
        }
        Ok(Self { child, out, err, readers, since: Instant::now() })
    }

    /// Its exit code, where it has ended.
    pub fn code(&mut self) -> Option<i32> {
        self.child.try_wait().ok().flatten().map(code)
    }

    /// Waits for its end, within limits.
    pub fn wait(mut self, watch: Watch) -> Tried<Ended> {
        loop {
            if let Some(code) = self.code() {
                return Ok(self.finish(code));
            }
            if watch.heed && interrupt::is_raised() {
                self.stop();
                return Err(Trouble::Interrupted);
            }
            if self.since.elapsed() > watch.limit {
                self.stop();
                return Err(Trouble::TooLong(format!("stopped after {} s", watch.limit.as_secs())));
            }
            thread::sleep(PULSE);
        }
    }

    fn finish(&mut self, code: i32) -> Ended {
        let took = self.since.elapsed();
        // A grandchild that holds the pipes open would keep the readers waiting.
        signal_group(&self.child, Signal::Kill);
        for reader in self.readers.drain(..) {
            let _ = reader.join();
        }
        Ended { code, out: self.out.text(), err: self.err.text(), took }
    }

    /// Asks it to end, and ends it where it doesn't.
    pub fn stop(&mut self) {
        stop(&mut self.child);
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.code().is_none() {
            self.stop();
        }
    }
}

/// Runs a program to its end.
pub fn run(command: Command, log: Option<File>, watch: Watch) -> Tried<Ended> {
    Running::start(command, log)?.wait(watch)
}

/// Runs a program whose standard output is read by `reader`, and gives what that made of it.
pub fn stream<T>(
    mut command: Command,
    watch: Watch,
    reader: impl FnOnce(&mut dyn Read) -> std::io::Result<T>,
) -> Tried<T> {
    own_group(&mut command);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let name = command.get_program().to_string_lossy().into_owned();
    let mut child = command.spawn().map_err(|error| Trouble::io(&name, &error))?;
    let mut out = child.stdout.take().ok_or_else(|| Trouble::failed("no standard output"))?;
    let heard = Heard::default();
    let complaints = child.stderr.take().map(|stream| listen(stream, &heard, None));
    let done = AtomicBool::new(false);
    let (read, status) = thread::scope(|scope| {
        let guard = scope.spawn(|| {
            let since = Instant::now();
            while !done.load(Ordering::SeqCst) {
                if watch.heed && interrupt::is_raised() || since.elapsed() > watch.limit {
                    stop(&mut child);
                    break;
                }
                thread::sleep(PULSE);
            }
            let _ = child.try_wait();
            child
        });
        let read = reader(&mut out);
        // What is left unread would keep the program from ending.
        let drained = std::io::copy(&mut out, &mut std::io::sink());
        done.store(true, Ordering::SeqCst);
        let status = guard.join().ok().and_then(|mut child| child.wait().ok());
        (drained.and(read), status)
    });
    if let Some(complaints) = complaints {
        let _ = complaints.join();
    }
    if watch.heed {
        interrupt::check()?;
    }
    if !status.is_some_and(|status| status.success()) {
        return Err(Trouble::Failed(heard.text().trim().to_owned()));
    }
    read.map_err(|error| Trouble::io(&name, &error))
}

type Log = Arc<Mutex<(File, u64)>>;

fn listen(mut stream: impl Read + Send + 'static, heard: &Heard, log: Option<Log>) -> JoinHandle<()> {
    let heard = heard.clone();
    thread::spawn(move || {
        let mut buffer = vec![0; 32 << 10];
        while let Ok(count) = stream.read(&mut buffer) {
            let Some(bytes) = buffer.get(..count).filter(|bytes| !bytes.is_empty()) else { break };
            let mut kept = heard.lock();
            let room = KEPT.saturating_sub(kept.len());
            kept.extend_from_slice(&bytes[..room.min(bytes.len())]);
            drop(kept);
            if let Some(log) = &log {
                let mut log = log.lock().unwrap_or_else(PoisonError::into_inner);
                if log.1 < LOGGED {
                    log.1 += bytes.len() as u64;
                    // A log that can't be written is no reason to stop: what matters is kept in memory.
                    let _ = log.0.write_all(bytes);
                }
            }
        }
    })
}

fn code(status: ExitStatus) -> i32 {
    status.code().unwrap_or(-1)
}

fn stop(child: &mut Child) {
    signal_group(child, Signal::End);
    let since = Instant::now();
    while since.elapsed() < GRACE {
        if matches!(child.try_wait(), Ok(Some(_)) | Err(_)) {
            break;
        }
        thread::sleep(PULSE);
    }
    signal_group(child, Signal::Kill);
    let _ = child.kill();
    let _ = child.wait();
}

#[derive(Clone, Copy)]
enum Signal {
    End,
    Kill,
}

#[cfg(unix)]
fn own_group(command: &mut Command) {
    use std::os::unix::process::CommandExt;
    command.process_group(0);
}

#[cfg(not(unix))]
fn own_group(_: &mut Command) {}

/// The client of an engine starts plugins that have to end with it.
#[cfg(unix)]
fn signal_group(child: &Child, signal: Signal) {
    use rustix::process::{Pid, Signal as Unix, kill_process_group};
    let Some(pid) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) else { return };
    let _ = kill_process_group(pid, if matches!(signal, Signal::End) { Unix::TERM } else { Unix::KILL });
}

#[cfg(not(unix))]
fn signal_group(_: &Child, _: Signal) {}

/// Whether a process of this machine runs.
#[cfg(unix)]
pub fn is_alive(pid: i32) -> bool {
    use rustix::process::{Pid, test_kill_process};
    Pid::from_raw(pid).is_some_and(|pid| !matches!(test_kill_process(pid), Err(rustix::io::Errno::SRCH)))
}

/// Whether a process of this machine runs; assumed where it can't be known.
#[cfg(not(unix))]
pub fn is_alive(_: i32) -> bool {
    true
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn shell(script: &str, seconds: u64) -> Tried<Ended> {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        run(command, None, Watch { limit: Duration::from_secs(seconds), heed: true })
    }

    #[test]
    fn ends_what_does_not_end() {
        let since = Instant::now();
        assert!(matches!(shell("sleep 60 & sleep 60", 1), Err(Trouble::TooLong(_))));
        assert!(since.elapsed() < Duration::from_secs(20));
    }

    #[test]
    fn keeps_the_beginning_of_what_never_ends() {
        let mut command = Command::new("sh");
        command.args(["-c", "yes"]);
        let mut running = Running::start(command, None).unwrap();
        thread::sleep(Duration::from_millis(500));
        running.stop();
        assert!(running.out.text().starts_with("y\ny\n") && running.out.text().len() <= KEPT);
    }

    #[test]
    fn is_not_held_up_by_what_a_program_leaves_behind() {
        let ended = shell("echo done; sleep 60 &", 30).unwrap();
        assert_eq!((ended.code, ended.out.as_str()), (0, "done\n"));
        assert!(ended.took < Duration::from_secs(20));
    }

    #[test]
    fn a_stream_is_read_to_its_end() {
        let mut command = Command::new("sh");
        command.args(["-c", "echo first; yes | head -c 300000; exit 3"]);
        let read = stream(command, Watch::QUICK, |out| {
            let mut first = [0; 5];
            out.read_exact(&mut first).map(|()| first)
        });
        assert_eq!(read, Err(Trouble::failed("")));
    }
}
