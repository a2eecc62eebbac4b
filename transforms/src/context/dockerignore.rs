//! `.dockerignore`: which files an engine is not given.

use globset::{GlobBuilder, GlobMatcher};

/// The rules of a `.dockerignore` file, by Docker's own matching (Docker reference, Build context,
/// `.dockerignore` files): patterns start at the root of the context, `**` crosses folders, what excludes
/// a folder excludes all in it, the last line that matches wins.
#[derive(Debug, Clone, Default)]
pub struct Dockerignore {
    rules: Vec<Rule>,
}

#[derive(Debug, Clone)]
struct Rule {
    negated: bool,
    matcher: GlobMatcher,
}

impl Dockerignore {
    /// Reads the file. A pattern that can't be understood is left out.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let rules = text
            .trim_start_matches('\u{feff}')
            .lines()
            .filter(|line| !line.starts_with('#'))
            .filter_map(|line| {
                let line = line.trim();
                let (negated, pattern) =
                    line.strip_prefix('!').map_or((false, line), |rest| (true, rest.trim()));
                let pattern = clean(pattern)?;
                let matcher =
                    GlobBuilder::new(&pattern).literal_separator(true).backslash_escape(true).build().ok()?;
                Some(Rule { negated, matcher: matcher.compile_matcher() })
            })
            .collect();
        Self { rules }
    }

    /// Whether a file is kept from the engine.
    #[must_use]
    pub fn excludes(&self, path: &str) -> bool {
        let mut excluded = false;
        for rule in &self.rules {
            // A rule can only change the verdict in its own direction.
            if rule.negated == excluded && rule.covers(path) {
                excluded = !rule.negated;
            }
        }
        excluded
    }
}

impl Rule {
    fn covers(&self, path: &str) -> bool {
        self.matcher.is_match(path)
            || path.char_indices().any(|(at, c)| c == '/' && self.matcher.is_match(&path[..at]))
    }
}

/// Takes leading and trailing slashes and `.` components out. `None` for what matches nothing.
fn clean(pattern: &str) -> Option<String> {
    let mut parts: Vec<&str> = Vec::new();
    for part in pattern.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            _ => parts.push(part),
        }
    }
    (!parts.is_empty()).then(|| parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn follows_dockers_rules() {
        let cases = [
            ("node_modules", "node_modules/a/b.js", true),
            ("node_modules", "web/node_modules/a.js", false),
            ("**/node_modules", "web/node_modules/a.js", true),
            ("**/*.pyc", "a.pyc", true),
            ("*.md\n!README.md", "README.md", false),
            ("*.md\n!README.md\nREADME*", "README.md", true),
            ("/dist/", "dist/index.html", true),
            ("*", "src/main.py", true),
            ("*\n!src", "src/main.py", false),
            ("*\n!src\nsrc/*.log", "src/x.log", true),
            ("# *", "a", false),
            ("docs/*.txt", "docs/a/b.txt", false),
            (".", "a", false),
        ];
        for (rules, path, excluded) in cases {
            assert_eq!(Dockerignore::parse(rules).excludes(path), excluded, "{rules:?} on {path}");
        }
    }
}
