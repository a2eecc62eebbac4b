//! Runs two images and compares what they do.

use super::answers::{self, Answer, Made, USUAL_PATHS};
use super::container::{Container, Port, State};
use super::image::Image;
use super::outcome::{Check, Problem};
use super::process::{self, Watch};
use super::session::Session;
use super::trouble::{Tried, Trouble};
use std::collections::HashSet;
use std::process::Command;
use std::time::{Duration, Instant};

/// How long an answer that differs is asked for again: a server may listen before it is ready.
const GETTING_READY: Duration = Duration::from_secs(10);

/// How many paths are named.
const TOLD_PATHS: usize = 8;

/// What an image does when it runs.
#[derive(Debug, Clone)]
pub struct Behaviour {
    state: State,
    /// What was asked, and what was answered.
    answers: Vec<(String, Result<Answer, String>)>,
    /// Standard output.
    out: String,
    /// The last line of what it printed.
    last: String,
    /// What HEALTHCHECK says; `None` where there is none, or it says nothing.
    health: Option<bool>,
    /// What the smoke command said, where it is well.
    smoke: Option<String>,
}

/// What came of running both.
#[derive(Debug, Default)]
pub struct Ran {
    /// What differs.
    pub problems: Vec<Problem>,
    /// What was the same, in words.
    pub said: Vec<String>,
    /// What could not be proven.
    pub notes: Vec<String>,
}

/// Runs the original, and looks at what it does.
pub fn observe(session: &Session<'_>, of: &str, image: &Image) -> Tried<Behaviour> {
    let wanted = Wanted { ports: &[], paths: &first_paths(session, image) };
    let behaviour = watch(session, of, "0", image, &wanted)?;
    if let Some(command) = &session.settings.smoke
        && behaviour.smoke.is_none()
    {
        return Err(Trouble::Failed(format!(
            "the smoke command `{command}` fails for the original: {}; so it can't tell whether the rewrite is well",
            behaviour.last
        )));
    }
    Ok(behaviour)
}

/// What a container is watched for.
struct Wanted<'w> {
    /// The ports that it has to listen on.
    ports: &'w [Port],
    /// The paths that are asked for first.
    paths: &'w [String],
}

fn watch(session: &Session<'_>, of: &str, run: &str, image: &Image, wanted: &Wanted<'_>) -> Tried<Behaviour> {
    let mut container = Container::start(session, of, run, image)?;
    let state = container.settle(wanted.ports)?;
    let mut answers = Vec::new();
    if let Some(port) = asked_port(&state, image, session.settings.port)
        && let Some(address) = container.address(port)
    {
        let mut paths = wanted.paths.to_vec();
        let mut at = 0;
        while let Some(path) = paths.get(at).cloned() {
            super::interrupt::check()?;
            let ask = || answers::ask(address, &path);
            let well =
                |answer: &Result<Answer, String>| answer.as_ref().is_ok_and(|answer| answer.status < 500);
            let answer = if at == 0 { patiently(ask, well) } else { ask() };
            let speaks = answer.is_ok();
            if let Ok(answer) = &answer
                && session.settings.paths.is_empty()
            {
                let more = answers::paths_in(answer, &paths);
                paths.extend(more);
            }
            answers.push((path, answer));
            at += 1;
            if !speaks && at == 1 {
                break;
            }
        }
    }
    let mut last = String::new();
    let smoke = match &session.settings.smoke {
        None => None,
        Some(command) => {
            let port = asked_port(&state, image, session.settings.port);
            let ended = smoke(session, &container, of, command, port)?;
            last = ended.complaint();
            ended.is_ok().then_some(ended.out)
        }
    };
    let checked = image.config.health_command().is_some() && !matches!(state, State::Ended(_));
    let start_period = image.config.healthcheck.as_ref().map_or(0, |check| check.start_period);
    let health = if checked { container.health(Duration::from_nanos(start_period))? } else { None };
    // What ends while it is asked has not survived being asked.
    let state = match (container.code(), state) {
        (Some(code), State::Listens(_) | State::Runs) => State::Ended(code),
        (_, state) => state,
    };
    if smoke.is_none() && session.settings.smoke.is_none() {
        last = container.last_words();
    }
    let (out, _) = container.said();
    Ok(Behaviour { state, answers, out, last, health, smoke })
}

/// The port that is asked: the one the user names, one of EXPOSE, the lowest.
fn asked_port(state: &State, image: &Image, said: Option<u16>) -> Option<u16> {
    let State::Listens(ports) = state else { return None };
    let open = |number: &u16| ports.iter().any(|port| port.open && port.number == *number);
    let likely = super::container::candidates(&image.config, said);
    likely.into_iter().find(open).or_else(|| ports.iter().find(|port| port.open).map(|port| port.number))
}

fn first_paths(session: &Session<'_>, image: &Image) -> Vec<String> {
    if !session.settings.paths.is_empty() {
        return session.settings.paths.clone();
    }
    let mut paths: Vec<String> = USUAL_PATHS.iter().map(|&path| path.to_owned()).collect();
    for word in
        image.config.health_command().unwrap_or_default().iter().flat_map(|text| text.split_whitespace())
    {
        let word = word.trim_matches(['"', '\'', '(', ')', ';']);
        if let Some((_, rest)) = word.split_once("://")
            && let Some(at) = rest.find('/')
        {
            let path = rest[at..].trim_end_matches(['"', '\'', ')', ';', ',']).to_owned();
            if !paths.contains(&path) {
                paths.push(path);
            }
        }
    }
    paths
}

/// Does something again until it is well, or time is up.
fn patiently<T>(mut ask: impl FnMut() -> T, is_well: impl Fn(&T) -> bool) -> T {
    let since = Instant::now();
    loop {
        let answer = ask();
        if is_well(&answer) || since.elapsed() > GETTING_READY || super::interrupt::is_raised() {
            return answer;
        }
        std::thread::sleep(Duration::from_millis(300));
    }
}

fn smoke(
    session: &Session<'_>,
    container: &Container<'_>,
    of: &str,
    command: &str,
    port: Option<u16>,
) -> Tried<process::Ended> {
    let mut shell = if cfg!(windows) { Command::new("cmd") } else { Command::new("sh") };
    shell.args([if cfg!(windows) { "/C" } else { "-c" }, command]);
    shell.env("DFIX_ENGINE", session.engine.program());
    shell.env("DFIX_CONTAINER", &container.name).env("DFIX_IMAGE", session.tag(of));
    if let Some((port, address)) = port.and_then(|port| Some((port, container.address(port)?))) {
        shell.env("DFIX_HOST", address.ip().to_string()).env("DFIX_PORT", address.port().to_string());
        shell.env("DFIX_URL", format!("http://{address}")).env("DFIX_CONTAINER_PORT", port.to_string());
    }
    match process::run(shell, None, Watch { limit: session.settings.timeout, heed: true }) {
        Err(Trouble::TooLong(how)) => {
            Ok(process::Ended { code: -1, out: String::new(), err: how, took: session.settings.timeout })
        }
        ended => ended,
    }
}

/// Runs the plan's image, and compares it with what the original did.
pub fn compare(
    session: &Session<'_>,
    old: &Behaviour,
    (before_of, before): (&str, &Image),
    (after_of, after): (&str, &Image),
) -> Tried<Ran> {
    let ports: &[Port] = if let State::Listens(ports) = &old.state { ports } else { &[] };
    let wanted = Wanted { ports, paths: &first_paths(session, before) };
    let new = watch(session, after_of, "0", after, &wanted)?;
    let mut ran = Ran::default();
    compare_states(old, &new, &mut ran);
    compare_health(old, &new, before, after, &mut ran);
    if session.settings.smoke.is_some() {
        match &new.smoke {
            Some(_) => ran.said.push("the smoke command succeeds for both".to_owned()),
            None => ran.problems.push(Problem::new(
                Check::Run,
                format!("the smoke command fails, as it does not for the original: {}", new.last),
            )),
        }
    }
    if !ran.problems.is_empty() {
        return Ok(ran);
    }
    let made = made_up(before, after);
    let differs = |again: Option<&Behaviour>| differences(old, again, &new, &made);
    let mut found = differs(None);
    if !found.is_empty() {
        // What the original itself says otherwise the next time is no difference.
        let again = watch(session, before_of, "1", before, &wanted)?;
        found = differs(Some(&again));
    }
    ran.problems.extend(found.into_iter().map(|what| Problem::new(Check::Run, what)));
    if ran.problems.is_empty() {
        say_what_is_the_same(old, &mut ran);
    }
    Ok(ran)
}

fn compare_states(old: &Behaviour, new: &Behaviour, ran: &mut Ran) {
    let numbers = |ports: &[Port]| -> Vec<u16> { ports.iter().map(|port| port.number).collect() };
    let what = match (&old.state, &new.state) {
        (State::Listens(ports), State::Listens(now)) => {
            let (was, is) = (numbers(ports), numbers(now));
            let lost: Vec<String> =
                was.iter().filter(|port| !is.contains(port)).map(u16::to_string).collect();
            if lost.is_empty() {
                return;
            }
            format!("does not listen on port {}, as the original does: {}", lost.join(", "), new.last)
        }
        (State::Listens(ports), State::Ended(code)) => {
            let port = numbers(ports).first().map(u16::to_string).unwrap_or_default();
            format!("ends with code {code} instead of listening on port {port}: {}", new.last)
        }
        (State::Listens(ports), State::Runs) => {
            let port = numbers(ports).first().map(u16::to_string).unwrap_or_default();
            format!("never listens on port {port}, as the original does: {}", new.last)
        }
        (State::Ended(was), State::Ended(is)) if was == is => return,
        (State::Ended(was), State::Ended(is)) => {
            format!("ends with code {is}, the original with {was}: {}", new.last)
        }
        (State::Ended(was), _) => format!("does not end, as the original does with code {was}: {}", new.last),
        (State::Runs, State::Ended(code)) => {
            format!("ends with code {code}, while the original goes on: {}", new.last)
        }
        (State::Runs, _) => return,
    };
    ran.problems.push(Problem::new(Check::Run, format!("the container {what}")));
}

fn compare_health(old: &Behaviour, new: &Behaviour, before: &Image, after: &Image, ran: &mut Ran) {
    if after.config.health_command().is_none() {
        return;
    }
    match (old.health, new.health) {
        (_, Some(true)) => ran.said.push("HEALTHCHECK becomes healthy".to_owned()),
        (Some(true), _) => {
            ran.problems.push(Problem::new(
                Check::Health,
                "HEALTHCHECK does not become healthy, as the original's does",
            ));
        }
        _ if before.config.health_command().is_none() => {
            ran.problems
                .push(Problem::new(Check::Health, "HEALTHCHECK, which is new, does not become healthy"));
        }
        _ => ran.notes.push("HEALTHCHECK becomes healthy in neither image".to_owned()),
    }
}

fn differences(old: &Behaviour, again: Option<&Behaviour>, new: &Behaviour, made: &Made) -> Vec<String> {
    let mut found = Vec::new();
    for ((path, was), (asked, is)) in old.answers.iter().zip(&new.answers) {
        // Paths that were found in pages are those of the image itself: a build may make up a part of them. A
        // page that names other ones says something else itself.
        if answers::difference(path.as_bytes(), None, asked.as_bytes(), made).is_some() {
            continue;
        }
        let repeated = again.map(|again| again.answers.iter().find(|(known, _)| known == path));
        let repeated = repeated.flatten().and_then(|(_, answer)| answer.as_ref().ok());
        match (was, is) {
            (Ok(was), Ok(is)) => {
                found.extend(
                    answers::compare(was, repeated, is, made)
                        .map(|what| format!("GET {path} {}", spelled(&what))),
                );
            }
            (Ok(_), Err(error)) => found.push(format!("GET {path} has no answer: {error}")),
            // What speaks another language than HTTP says so in both.
            (Err(_), _) => {}
        }
    }
    if matches!(old.state, State::Ended(_)) {
        let again = again.map(|again| again.out.as_bytes());
        found.extend(
            answers::difference(old.out.as_bytes(), again, new.out.as_bytes(), made)
                .map(|what| format!("the container prints {what}")),
        );
    }
    found
}

fn spelled(what: &str) -> String {
    if what.starts_with("says") || what.starts_with("sends") {
        what.to_owned()
    } else {
        format!("has {what}")
    }
}

/// Names of files and folders that only one of the images has, outside of the distribution.
fn made_up(before: &Image, after: &Image) -> Made {
    let names = |image: &Image| -> HashSet<String> {
        let own = image
            .tree
            .entries
            .keys()
            .filter(|path| !path.starts_with("/usr/lib") && !path.starts_with("/usr/share"));
        own.filter_map(|path| path.rsplit('/').next()).map(str::to_owned).collect()
    };
    let (old, new) = (names(before), names(after));
    Made { before: old.difference(&new).cloned().collect(), after: new.difference(&old).cloned().collect() }
}

fn say_what_is_the_same(old: &Behaviour, ran: &mut Ran) {
    match &old.state {
        State::Listens(ports) => {
            let answered: Vec<String> = old
                .answers
                .iter()
                .filter_map(|(path, answer)| Some(format!("{path} {}", answer.as_ref().ok()?.status)))
                .collect();
            let port = ports.first().map(|port| port.number).unwrap_or_default();
            if answered.is_empty() {
                ran.said.push(format!("both listen on port {port}"));
                if !ports.iter().any(|port| port.open) {
                    ran.notes.push(format!(
                        "port {port} is open inside the container only: nothing could be asked"
                    ));
                } else {
                    ran.notes.push(format!(
                        "port {port} does not speak HTTP: nothing could be asked; --smoke can"
                    ));
                }
            } else {
                // The paths that a person would ask for come first; the rest was found in their answers.
                let more = answered.len().saturating_sub(TOLD_PATHS);
                let more = if more > 0 { format!(", and {more} more paths") } else { String::new() };
                let some = &answered[..answered.len().min(TOLD_PATHS)];
                ran.said.push(format!("both answer the same: {}{more}", some.join(", ")));
            }
            if !old.answers.is_empty()
                && old.answers.iter().all(|(_, answer)| !answer.as_ref().is_ok_and(|a| a.status < 400))
            {
                ran.notes.push(
                    "no path that was asked for is known to the server; name some with --path".to_owned(),
                );
            }
        }
        State::Ended(0) => ran.said.push("both end with code 0 and print the same".to_owned()),
        State::Ended(code) => {
            ran.said.push(format!("both end with code {code} and print the same"));
            ran.notes.push(format!(
                "the original ends with code {code} ({}), so that it starts is all that could be compared; give it what \
                 it needs by --env or --run-network",
                old.last
            ));
        }
        State::Runs => {
            ran.said.push("both go on running without listening on a port".to_owned());
            ran.notes.push("what the container does could not be compared; --smoke can".to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn behaviour(state: State, out: &str) -> Behaviour {
        Behaviour {
            state,
            answers: Vec::new(),
            out: out.to_owned(),
            last: "no module named x".to_owned(),
            health: None,
            smoke: None,
        }
    }

    fn states(old: State, new: State) -> Vec<String> {
        let mut ran = Ran::default();
        compare_states(&behaviour(old, ""), &behaviour(new, ""), &mut ran);
        ran.problems.into_iter().map(|problem| problem.what).collect()
    }

    #[test]
    fn tells_how_a_container_ends_otherwise() {
        let port = |number| Port { number, open: true };
        let serves = || State::Listens(vec![port(80)]);
        assert_eq!(states(serves(), State::Listens(vec![port(80), port(81)])), [""; 0]);
        assert_eq!(
            states(serves(), State::Ended(1)),
            ["the container ends with code 1 instead of listening on port 80: no module named x"]
        );
        assert!(states(serves(), State::Runs)[0].contains("never listens on port 80"));
        assert!(states(serves(), State::Listens(vec![port(81)]))[0].contains("does not listen on port 80"));
        assert_eq!(states(State::Ended(3), State::Ended(3)), [""; 0]);
        assert!(
            states(State::Ended(0), State::Ended(3))[0].contains("ends with code 3, the original with 0")
        );
        assert!(states(State::Runs, State::Ended(1))[0].contains("while the original goes on"));
    }

    #[test]
    fn an_answer_or_a_line_that_differs_is_found() {
        let serving = |path: &str, body: &str| {
            let answer = Answer { status: 200, body: body.as_bytes().to_vec(), ..Answer::default() };
            let mut serving = behaviour(State::Runs, "");
            serving.answers.push((path.to_owned(), Ok(answer)));
            serving
        };
        let made = Made::default();
        assert_eq!(differences(&serving("/", "a"), None, &serving("/", "a"), &made), [""; 0]);
        assert_eq!(
            differences(&serving("/", "a"), None, &serving("/", "b"), &made),
            ["GET / says `b` instead of `a`"]
        );
        assert_eq!(
            differences(&serving("/", "1"), Some(&serving("/", "2")), &serving("/", "3"), &made),
            [""; 0]
        );
        let ended = |out| behaviour(State::Ended(0), out);
        assert_eq!(
            differences(&ended("x y"), None, &ended("x z"), &made),
            ["the container prints `z` instead of `y`"]
        );
    }
}
