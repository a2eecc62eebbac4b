//! Comments that tell a linter to let something be: what a user silenced there is silenced here.

use dfix_syntax::Dockerfile;

/// The comments of a file that silence a linter.
pub(super) struct Silence<'a> {
    tree: &'a Dockerfile,
    /// Those for the whole file.
    global: Vec<&'a str>,
}

impl<'a> Silence<'a> {
    pub fn of(tree: &'a Dockerfile) -> Self {
        let lines = tree.instructions.iter().flat_map(|instruction| instruction.lead().lines());
        Self { tree, global: lines.filter(|line| line.contains("global")).collect() }
    }

    /// Whether a comment above the instruction at `at`, or one for the whole file, has a linter ignore one of
    /// `rules` (`# hadolint ignore=DL3042`, `# hadolint global ignore=…`, `# tally ignore=hadolint/DL3042`).
    pub fn covers<'r>(&self, at: usize, rules: impl IntoIterator<Item = &'r str>) -> bool {
        let rules: Vec<&str> = rules.into_iter().collect();
        let here = self.tree.instructions[at].lead().lines();
        self.global.iter().copied().chain(here).any(|line| ignores(line, &rules))
    }
}

fn ignores(line: &str, rules: &[&str]) -> bool {
    let Some(comment) = line.trim().strip_prefix('#') else { return false };
    let comment = comment.trim_start();
    if !["hadolint", "tally"].iter().any(|tool| comment.starts_with(tool)) {
        return false;
    }
    let Some((_, list)) = comment.split_once("ignore=") else { return false };
    let list = list.split(';').next().unwrap_or_default();
    list.split([',', ' ', '\t']).any(|entry| {
        let name = entry.rsplit('/').next().unwrap_or(entry);
        rules.iter().any(|rule| rule.eq_ignore_ascii_case(name))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_linters_are_told() {
        let ignoring = [
            "# hadolint ignore=DL3042",
            "#hadolint ignore=DL3008,DL3042",
            "# hadolint global ignore=dl3042",
            "# tally ignore=hadolint/DL3042;reason=kept on purpose",
        ];
        for line in ignoring {
            assert!(ignores(line, &["DL3042"]), "{line}");
        }
        let others =
            ["# ignore=DL3042", "# hadolint ignore=DL3041", "RUN x # hadolint", "# see hadolint DL3042"];
        for line in others {
            assert!(!ignores(line, &["DL3042"]), "{line}");
        }
    }
}
