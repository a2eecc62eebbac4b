//! How a file is written, so that new text looks like the old.

use dfix_syntax::{CommandForm, Dockerfile, Instruction, Keyword, Kind};

/// Where the operator between two lines of a RUN stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    /// `a && \` and the next command on the next line.
    AtEnd,
    /// `a \` and `&& b` on the next line.
    AtStart,
}

/// The habits of a file. Where it shows none: upper-case keywords, four spaces, `&& \` at the end of a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Style {
    /// Whether keywords are in lower case.
    pub lower_case: bool,
    /// What a continued line starts with.
    pub indent: String,
    /// Where operators stand.
    pub operator: Operator,
    /// How lines end.
    pub newline: &'static str,
    /// The escape character.
    pub escape: char,
}

impl Style {
    /// The habits that most of the file follows.
    #[must_use]
    pub fn of(tree: &Dockerfile) -> Self {
        let mut lower = 0_usize;
        let mut indents: Vec<(String, usize)> = Vec::new();
        let (mut at_end, mut at_start) = (0_usize, 0_usize);
        for instruction in &tree.instructions {
            lower += usize::from(instruction.written_keyword().starts_with(|c: char| c.is_ascii_lowercase()));
            if instruction.keyword() != Keyword::Run || !instruction.here_documents().is_empty() {
                continue;
            }
            let mut lines = instruction.text().lines().filter(|line| !line.trim_start().starts_with('#'));
            let mut before = lines.next().unwrap_or_default();
            // A continuation that is indented deeper than the first one continues a command, not the list.
            let mut first = true;
            for line in lines {
                let body = line.trim_start();
                let starts = body.starts_with("&&");
                let ends = before.trim_end().trim_end_matches(tree.escape()).trim_end().ends_with("&&");
                at_start += usize::from(starts);
                at_end += usize::from(ends);
                if first || starts || ends {
                    let indent = &line[..line.len() - body.len()];
                    if !indent.is_empty() && !body.is_empty() {
                        count(&mut indents, indent);
                    }
                }
                first = false;
                before = line;
            }
        }
        let indent = indents.into_iter().rev().max_by_key(|(_, count)| *count);
        Self {
            lower_case: lower * 2 > tree.instructions.len(),
            indent: indent.map_or_else(|| "    ".to_owned(), |(indent, _)| indent),
            operator: if at_start > at_end { Operator::AtStart } else { Operator::AtEnd },
            newline: tree.newline().as_str(),
            escape: tree.escape(),
        }
    }

    /// The habits of one RUN where it shows any, else those of the file.
    #[must_use]
    pub fn of_run(&self, instruction: &Instruction) -> Self {
        let mut own = self.clone();
        let mut lines = instruction.text().lines().filter(|line| !line.trim_start().starts_with('#'));
        let mut before = lines.next().unwrap_or_default();
        for line in lines {
            let body = line.trim_start();
            let starts = body.starts_with("&&");
            let ends = before.trim_end().trim_end_matches(self.escape).trim_end().ends_with("&&");
            if (starts || ends) && !body.is_empty() {
                own.indent = line[..line.len() - body.len()].to_owned();
                own.operator = if starts { Operator::AtStart } else { Operator::AtEnd };
                break;
            }
            before = line;
        }
        own
    }

    /// A keyword in the file's case.
    #[must_use]
    pub fn keyword(&self, keyword: Keyword) -> String {
        if self.lower_case { keyword.as_str().to_ascii_lowercase() } else { keyword.as_str().to_owned() }
    }

    /// ` AS ` in the file's case.
    #[must_use]
    pub fn alias(&self) -> &'static str {
        if self.lower_case { "as" } else { "AS" }
    }

    /// A new one-line instruction. `None` where the text is not one.
    #[must_use]
    pub fn line(&self, keyword: Keyword, arguments: &str) -> Option<Instruction> {
        Instruction::parse(&format!("{} {arguments}{}", self.keyword(keyword), self.newline), self.escape)
            .ok()
    }

    /// What joins a command to the one before it, on a line of its own.
    #[must_use]
    pub fn joint(&self) -> String {
        let Self { newline, indent, escape, .. } = self;
        match self.operator {
            Operator::AtEnd => format!(" && {escape}{newline}{indent}"),
            Operator::AtStart => format!(" {escape}{newline}{indent}&& "),
        }
    }

    /// What joins a command to the one before it where comment lines stand between them.
    #[must_use]
    pub fn joint_around(&self, comments: &[&str]) -> String {
        let Self { newline, indent, escape, .. } = self;
        let lines: String = comments.iter().map(|comment| format!("{indent}{comment}{newline}")).collect();
        match self.operator {
            Operator::AtEnd => format!(" && {escape}{newline}{lines}{indent}"),
            Operator::AtStart => format!(" {escape}{newline}{lines}{indent}&& "),
        }
    }
}

fn count(counts: &mut Vec<(String, usize)>, key: &str) {
    match counts.iter_mut().find(|(known, _)| known == key) {
        Some((_, count)) => *count += 1,
        None => counts.push((key.to_owned(), 1)),
    }
}

/// The range of the script in the text of a RUN in shell form without here-documents.
#[must_use]
pub fn script_in_text(instruction: &Instruction) -> Option<std::ops::Range<usize>> {
    let Kind::Run(CommandForm::Shell(range)) = instruction.kind() else { return None };
    instruction.logical().map.hull(range.clone())
}
