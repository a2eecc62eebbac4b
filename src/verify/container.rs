//! A container that runs, within limits, and what it does.

use super::engine::Limits;
use super::image::{Config, Image};
use super::interrupt;
use super::process::Running;
use super::session::Session;
use super::trouble::{Tried, Trouble};
use dfix_transforms::knowledge::SERVERS;
use serde_json::Value;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

/// How often a container is looked at.
const PULSE: Duration = Duration::from_millis(200);

/// How long a container that shows no sign of being a server is watched.
const WORKER: Duration = Duration::from_secs(15);

/// How long further ports are waited for when one is open.
const MORE_PORTS: Duration = Duration::from_secs(2);

/// A port that something in a container listens on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Port {
    /// Its number.
    pub number: u16,
    /// Whether it can be reached from outside of the container.
    pub open: bool,
}

/// What a container does when it was given time to start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// It has ended, with a code.
    Ended(i32),
    /// It listens.
    Listens(Vec<Port>),
    /// It runs and does not listen.
    Runs,
}

/// A container. It is gone when this is.
pub struct Container<'s> {
    session: &'s Session<'s>,
    /// Its name.
    pub name: String,
    running: Running,
    candidates: Vec<u16>,
}

impl<'s> Container<'s> {
    /// Starts the image that is tagged by `of`.
    pub fn start(session: &'s Session<'s>, of: &str, run: &str, image: &Image) -> Tried<Self> {
        let settings = session.settings;
        let candidates = candidates(&image.config, settings.port);
        let name = session.name(&format!("{of}-{run}"));
        let made = session.name("net");
        let network = match &settings.run_network {
            Some(network) => network.as_str(),
            None if session.engine.local => {
                session.network(&made)?;
                made.as_str()
            }
            None => "bridge",
        };
        let own = settings.run_network.is_none() && !session.engine.local;
        let limits = Limits {
            memory: &settings.memory,
            network,
            published: if own { &candidates } else { &[] },
            environment: &settings.environment,
        };
        let mut command = session.engine.container_command(session.id(), &name, &limits);
        if image.config.health_command().is_some() {
            // Who waits for the answer need not wait for the next round.
            command.args(["--health-interval", "2s"]);
        }
        command.arg(session.tag(of));
        Ok(Self { session, name, running: Running::start(command, None)?, candidates })
    }

    /// Its exit code, where it has ended.
    pub fn code(&mut self) -> Option<i32> {
        self.running.code()
    }

    /// What it printed: standard output and standard error.
    pub fn said(&self) -> (String, String) {
        (self.running.out.text(), self.running.err.text())
    }

    /// The last line that it printed.
    pub fn last_words(&self) -> String {
        // Its last words may still be on their way.
        thread::sleep(PULSE);
        let (out, err) = self.said();
        let last = |text: &str| text.lines().rev().find(|line| !line.trim().is_empty()).map(str::to_owned);
        last(&err).or_else(|| last(&out)).unwrap_or_else(|| "it printed nothing".to_owned())
    }

    /// Waits until it has ended, listens on what is wanted, or shows no sign of either. `wanted` are the ports
    /// that it has to listen on.
    pub fn settle(&mut self, wanted: &[Port]) -> Tried<State> {
        let serves = !self.candidates.is_empty() || !wanted.is_empty();
        let limit = self.session.settings.timeout;
        let limit = if serves { limit } else { limit.min(WORKER) };
        let since = Instant::now();
        let mut open_since = None;
        loop {
            interrupt::check()?;
            if let Some(code) = self.code() {
                return self.ended(code);
            }
            let ports = self.ports();
            if !ports.is_empty() {
                let first = *open_since.get_or_insert_with(Instant::now);
                let there = |number: u16| ports.iter().any(|port| port.number == number);
                let all = match wanted {
                    [] => {
                        self.candidates.first().is_some_and(|&number| there(number))
                            || first.elapsed() > MORE_PORTS
                    }
                    wanted => wanted.iter().all(|port| there(port.number)),
                };
                if all {
                    return Ok(State::Listens(ports));
                }
            }
            if since.elapsed() > limit {
                return Ok(if ports.is_empty() { State::Runs } else { State::Listens(ports) });
            }
            thread::sleep(PULSE);
        }
    }

    /// The engine's own trouble is none of the application's.
    fn ended(&self, code: i32) -> Tried<State> {
        if code == 125 {
            let last = self.last_words();
            return if self.session.engine.answers() {
                Err(Trouble::Failed(format!("a container can't be started: {last}")))
            } else {
                Err(Trouble::EngineGone(last))
            };
        }
        Ok(State::Ended(code))
    }

    /// Waits for HEALTHCHECK. `Ok(None)` where it says nothing within the time.
    pub fn health(&mut self, start_period: Duration) -> Tried<Option<bool>> {
        let limit = self.session.settings.timeout + start_period;
        let since = Instant::now();
        while since.elapsed() < limit && self.code().is_none() {
            interrupt::check()?;
            if self.session.engine.run_healthcheck(&self.name) == Some(true) {
                return Ok(Some(true));
            }
            let state = self.inspect();
            let status = state.as_ref().and_then(|state| {
                let state = &state["State"];
                state["Health"]["Status"].as_str().or_else(|| state["Healthcheck"]["Status"].as_str())
            });
            match status {
                Some("healthy") => return Ok(Some(true)),
                Some("unhealthy") => return Ok(Some(false)),
                _ => thread::sleep(PULSE),
            }
        }
        Ok(None)
    }

    fn inspect(&self) -> Option<Value> {
        self.session.engine.container(&self.name)
    }

    /// The ports that it listens on.
    fn ports(&self) -> Vec<Port> {
        if self.session.engine.local {
            let found = self.inspect().and_then(|state| {
                let pid = state["State"]["Pid"].as_u64().filter(|pid| *pid > 0)?;
                listening(pid, state["Id"].as_str()?)
            });
            if let Some(ports) = found {
                return ports;
            }
        }
        // What can't be looked into is asked.
        let open = |number: &u16| {
            let address = self.address(*number)?;
            let answer = super::answers::ask(address, "/");
            let taken = TcpStream::connect_timeout(&address, Duration::from_secs(1)).is_ok();
            (answer.is_ok() || taken && self.session.engine.local)
                .then_some(Port { number: *number, open: true })
        };
        self.candidates.iter().filter_map(open).collect()
    }

    /// Where a port of it is reached from here.
    pub fn address(&self, port: u16) -> Option<SocketAddr> {
        if self.session.settings.run_network.as_deref() == Some("host") {
            return Some(SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
        }
        let state = self.inspect()?;
        let settings = &state["NetworkSettings"];
        let published = settings["Ports"][format!("{port}/tcp")][0]["HostPort"].as_str();
        if let Some(published) = published.and_then(|number| number.parse::<u16>().ok()) {
            return Some(SocketAddr::from((Ipv4Addr::LOCALHOST, published)));
        }
        let networks = settings["Networks"].as_object()?;
        let address =
            networks.values().find_map(|network| network["IPAddress"].as_str()?.parse::<IpAddr>().ok());
        Some(SocketAddr::from((address?, port)))
    }
}

impl Drop for Container<'_> {
    fn drop(&mut self) {
        self.session.engine.remove_container(&self.name);
        self.running.stop();
    }
}

/// The ports that processes in the network namespace of a process listen on; `None` where it is not the
/// container's process, or may not be looked at.
fn listening(pid: u64, id: &str) -> Option<Vec<Port>> {
    // The engine may be on another machine after all, where this number is another process's.
    let groups = std::fs::read_to_string(format!("/proc/{pid}/cgroup")).ok()?;
    if !groups.contains(id) {
        return None;
    }
    let mut ports = Vec::new();
    for table in ["tcp", "tcp6"] {
        let text = std::fs::read_to_string(format!("/proc/{pid}/net/{table}")).ok()?;
        ports.extend(text.lines().skip(1).filter_map(listener));
    }
    ports.sort_by_key(|port: &Port| (port.number, !port.open));
    ports.dedup_by_key(|port| port.number);
    Some(ports)
}

/// A line of `/proc/net/tcp` (proc_net_tcp: local address, state `0A` is LISTEN).
fn listener(line: &str) -> Option<Port> {
    let mut fields = line.split_whitespace().skip(1);
    let (address, number) = fields.next()?.split_once(':')?;
    let state = fields.nth(1)?;
    // The engine's own name server sits in the container's network, too.
    if state != "0A" || address == "0B00007F" {
        return None;
    }
    let local =
        address.ends_with("7F") && address.len() == 8 || address == "00000000000000000000000001000000";
    Some(Port { number: u16::from_str_radix(number, 16).ok()?, open: !local })
}

/// The ports that an image is likely to listen on, the likeliest first: what the user says, EXPOSE, `PORT`,
/// what its command says, what its program is known for.
pub fn candidates(config: &Config, said: Option<u16>) -> Vec<u16> {
    let command = config.command().join(" ");
    let words: Vec<&str> = command.split_whitespace().collect();
    let number = |word: &str| {
        let end = word.rsplit([':', '=']).next().unwrap_or(word);
        end.trim_matches(['"', '\'']).parse::<u16>().ok().filter(|port| *port > 0)
    };
    let told = words.iter().enumerate().filter_map(|(at, word)| {
        let before = at.checked_sub(1).and_then(|at| words.get(at)).copied().unwrap_or_default();
        let flag = before.starts_with('-')
            && (before.ends_with("port")
                || before.ends_with("bind")
                || before.ends_with("-b")
                || before == "-p"
                || before == "-l");
        let itself = word.starts_with("--") && word.contains("port") && word.contains('=')
            || word
                .rsplit_once(':')
                .is_some_and(|(host, _)| host.is_empty() || host.contains('.') && !host.contains('/'));
        (flag || itself).then(|| number(word)).flatten()
    });
    let known = SERVERS.server.iter().filter(|row| {
        let program: Vec<&str> = row.program.split(' ').collect();
        words
            .windows(program.len())
            .any(|some| some.iter().zip(&program).all(|(word, name)| word.rsplit('/').next() == Some(*name)))
    });
    let mut ports: Vec<u16> = said
        .into_iter()
        .chain(told)
        .chain(config.ports())
        .chain(config.variable("PORT").and_then(number))
        .chain(known.map(|row| row.port))
        .collect();
    let mut seen = std::collections::HashSet::new();
    ports.retain(|port| seen.insert(*port));
    ports
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_listens() {
        let line = |address: &str, state: &str| {
            format!("   0: {address} 00000000:0000 {state} 00000000:00000000 00:00000000")
        };
        assert_eq!(listener(&line("00000000:1F40", "0A")), Some(Port { number: 8000, open: true }));
        assert_eq!(listener(&line("0100007F:1F40", "0A")), Some(Port { number: 8000, open: false }));
        assert_eq!(
            listener(&line("00000000000000000000000000000000:0BB8", "0A")),
            Some(Port { number: 3000, open: true })
        );
        assert_eq!(listener(&line("0B00007F:9D9F", "0A")), None);
        assert_eq!(listener(&line("00000000:1F40", "01")), None);
    }

    #[test]
    fn guesses_ports_by_what_is_said() {
        let ports = |words: &[&str], env: &[&str]| {
            let texts = |list: &[&str]| Some(list.iter().map(|&word| word.to_owned()).collect());
            candidates(&Config { cmd: texts(words), env: texts(env), ..Config::default() }, None)
        };
        assert_eq!(ports(&["uvicorn", "main:app", "--host", "0.0.0.0"], &[]), [8000]);
        assert_eq!(ports(&["uvicorn", "main:app", "--port", "9000"], &[]), [9000, 8000]);
        assert_eq!(ports(&["/bin/sh", "-c", "gunicorn -b 0.0.0.0:5000 app:app"], &[]), [5000, 8000]);
        assert_eq!(ports(&["streamlit", "run", "app.py", "--server.port=8080"], &[]), [8080, 8501]);
        assert_eq!(ports(&["node", "server.js"], &["PORT=3000"]), [3000]);
        assert_eq!(ports(&["python", "worker.py"], &[]), [0_u16; 0]);
    }
}
