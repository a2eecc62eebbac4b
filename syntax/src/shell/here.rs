//! The bodies of here-documents.

use super::parser::{Fallible, Parser};
use super::words::names_after_dollars;

impl Parser<'_> {
    /// Reads the bodies that start after a newline.
    pub fn here_bodies(&mut self) -> Fallible<()> {
        for pending in std::mem::take(&mut self.frame.pending) {
            let start = self.position;
            let mut continued = false;
            let body_end = loop {
                let rest = self.rest();
                if rest.is_empty() {
                    return self.error_at("a here-document without end", start);
                }
                let line_start = self.position;
                let length = rest.find('\n').map_or(rest.len(), |at| at + 1);
                let mut line = rest[..length].trim_end_matches('\n');
                if pending.strip_tabs {
                    line = line.trim_start_matches('\t');
                }
                self.position += length;
                if line == pending.delimiter {
                    // The shell joins the lines first; brush does not.
                    if continued {
                        return self.error_at("a continued line before the end", line_start);
                    }
                    break line_start;
                }
                let backslashes = line.bytes().rev().take_while(|byte| *byte == b'\\').count();
                continued = !pending.quoted && backslashes % 2 == 1;
            };
            let after = self.position;
            if self.hidden == 0 {
                self.found.here_documents.push(start..after);
            }
            if !pending.quoted {
                self.expansions(start, body_end);
                self.position = after;
            }
        }
        Ok(())
    }

    /// Looks for expansions in a body. What cannot be parsed there does not change where the body ends, so
    /// it only leaves the view incomplete.
    fn expansions(&mut self, start: usize, end: usize) {
        let comments = self.found.comments.len();
        let outside = std::mem::replace(&mut self.end, end);
        self.position = start;
        self.hidden += 1;
        let outcome = self.here_text();
        self.hidden -= 1;
        self.end = outside;
        if outcome.is_err() {
            self.found.comments.truncate(comments);
            self.found.unknown = true;
            let mut names = Vec::new();
            names_after_dollars(&self.text[start..end], &mut names);
            self.found.variables.extend(names);
        }
    }
}
