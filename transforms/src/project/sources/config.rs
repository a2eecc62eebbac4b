//! Commands in the configuration of process managers: supervisord, systemd, cron, uWSGI, Procfiles, Compose.

use super::shell::{argv_needs, is_system_path, text_needs};
use super::{Need, Use, extension, is_left_out};
use crate::context::BuildContext;
use crate::project::python::Place;
use serde_json::Value;

/// What a configuration file needs; nothing where it is none that is known.
pub(super) fn needs(path: &str, text: &str) -> Vec<Use> {
    let name = path.rsplit('/').next().unwrap_or(path);
    if is_compose(name) {
        return compose(path, text);
    }
    let mut uses = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with(['#', ';']) {
            continue;
        }
        let found = match () {
            () if name == "Procfile" => line.split_once(':').map(|(_, command)| text_needs(command.trim())),
            () if name.contains("cron") || path.contains("cron.d/") => cron(line, path.contains("cron.d/")),
            () => setting(line),
        };
        let words = line.split(['=', ' ', ',', ':', '"', '\'']).filter(|word| is_system_path(word));
        let files: Vec<Need> = match extension(name) {
            "conf" | "ini" | "cfg" | "service" | "toml" | "yaml" | "yml" => {
                words.map(|word| Need::File(word.to_owned())).collect()
            }
            _ => Vec::new(),
        };
        let place = Place { path: path.to_owned(), line: number + 1, text: line.chars().take(100).collect() };
        uses.extend(
            found.unwrap_or_default().into_iter().chain(files).map(|need| Use { need, place: place.clone() }),
        );
    }
    uses
}

/// Process managers whose configuration is looked for.
const MANAGERS: [&str; 10] = [
    "supervisord",
    "uwsgi",
    "cron",
    "crond",
    "supercronic",
    "circusd",
    "honcho",
    "foreman",
    "systemd",
    "init",
];

/// The files of the context that a process manager may read.
pub(super) fn read_by(context: &BuildContext, program: &str) -> Vec<String> {
    if !MANAGERS.contains(&program) {
        return Vec::new();
    }
    let paths = context.under("").map(|(path, _)| path);
    paths.filter(|path| is_read_by(program, path) && !is_left_out(path)).map(str::to_owned).collect()
}

fn is_read_by(program: &str, path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    match program {
        "supervisord" => {
            name.contains("supervisor") || path.contains("supervisor/") || name.ends_with(".conf")
        }
        "uwsgi" => matches!(extension(name), "ini" | "yml" | "yaml" | "json"),
        "cron" | "crond" | "supercronic" => path.contains("cron"),
        "circusd" => matches!(extension(name), "ini" | "conf"),
        "honcho" | "foreman" => name == "Procfile",
        "systemd" | "init" => extension(name) == "service",
        _ => false,
    }
}

/// Whether a file of this name describes services (Compose specification, Compose file).
fn is_compose(name: &str) -> bool {
    matches!(extension(name), "yml" | "yaml")
        && (name.starts_with("docker-compose") || name.starts_with("compose"))
}

/// What the services that are built are started with, and how their health is checked.
fn compose(path: &str, text: &str) -> Vec<Use> {
    let file: Value = serde_saphyr::from_str(text).unwrap_or_default();
    let services = file.get("services").and_then(Value::as_object).into_iter().flatten();
    let mut uses = Vec::new();
    for (name, service) in services.filter(|(_, service)| service.get("build").is_some()) {
        let test = service.get("healthcheck").and_then(|check| check.get("test"));
        for (key, given) in [
            ("command", service.get("command")),
            ("entrypoint", service.get("entrypoint")),
            ("healthcheck", test),
        ] {
            let needs = match given {
                Some(Value::String(text)) => text_needs(text),
                Some(Value::Array(words)) => {
                    let words: Vec<Option<&str>> = words.iter().map(Value::as_str).collect();
                    match words.split_first() {
                        Some((Some("CMD"), rest)) => argv_needs(rest),
                        Some((Some("CMD-SHELL"), rest)) => {
                            rest.first().copied().flatten().map(text_needs).unwrap_or_default()
                        }
                        _ => argv_needs(&words),
                    }
                }
                _ => Vec::new(),
            };
            let place = Place { path: path.to_owned(), line: 0, text: format!("{key} of {name}") };
            uses.extend(needs.into_iter().map(|need| Use { need, place: place.clone() }));
        }
    }
    uses
}

/// `command=` of supervisord, `ExecStart=` and the like of systemd, `attach-daemon=` and hooks of uWSGI.
fn setting(line: &str) -> Option<Vec<Need>> {
    let (key, value) = line.split_once('=')?;
    let key = key.trim();
    let starts =
        matches!(key, "command" | "attach-daemon" | "smart-attach-daemon" | "exec-asap" | "exec-pre-app")
            || key.starts_with("Exec") && key.chars().all(char::is_alphabetic);
    // systemd marks the command with `-`, `@`, `+`, `!`, `:`; supervisord writes `%(ENV_X)s` for variables.
    let command = value.trim().trim_start_matches(['-', '@', '+', '!', ':']);
    starts.then(|| if command.contains("%(") { vec![Need::Computed] } else { text_needs(command) })
}

/// A line of a crontab: five fields or `@daily`, in `/etc/cron.d` the user, then the command. Cron has an environment of its own.
fn cron(line: &str, with_user: bool) -> Option<Vec<Need>> {
    let mut fields = line.split_whitespace();
    let first = fields.next()?;
    let times = if first.starts_with('@') { 0 } else { 4 };
    if !first.starts_with(|c: char| c.is_ascii_digit() || c == '*' || c == '@') {
        return None;
    }
    let rest: Vec<&str> = fields.skip(times + usize::from(with_user)).collect();
    let mut needs = vec![Need::LoginShell];
    needs.extend(text_needs(&rest.join(" ")));
    Some(needs)
}
