//! Commands in the configuration of process managers: supervisord, systemd, cron, uWSGI, Procfiles.

use super::shell::{is_system_path, text_needs};
use super::{Need, Use, extension};
use crate::project::python::Place;

/// What a configuration file needs; nothing where it is none that is known.
pub(super) fn needs(path: &str, text: &str) -> Vec<Use> {
    let name = path.rsplit('/').next().unwrap_or(path);
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
