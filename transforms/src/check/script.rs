//! The commands of a RUN, and the circumstances under which each of them runs.

use super::atoms::Atom;
use super::text::command_text;
use crate::facts::{Leak, leaks, sets_errexit};
use dfix_syntax::shell::{CompoundKind, Element, Pipeline, Script, SimpleCommand};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::iter::Peekable;
use std::ops::Range;

/// Goes through a script, command by command.
pub(super) struct Walk<'a> {
    script: &'a Script,
    /// What holds for the whole RUN.
    hasher: DefaultHasher,
    /// What the commands so far left behind in their shell.
    state: DefaultHasher,
    /// Whether a failing command ends the shell (`-e`).
    exits_on_error: bool,
    atoms: &'a mut Vec<Atom>,
}

impl<'a> Walk<'a> {
    /// A walk that adds the commands of a script to `atoms`. `hasher` has what holds for the whole RUN.
    pub fn of(script: &'a Script, hasher: DefaultHasher, exits: bool, atoms: &'a mut Vec<Atom>) -> Self {
        Self { script, hasher, state: DefaultHasher::new(), exits_on_error: exits, atoms }
    }

    /// A chain of `&&` has the same meaning as separate RUNs: the first failure ends the build. So each of
    /// its members stands for itself; any other script is one whole.
    pub fn script(&mut self) {
        let script = self.script;
        let leaks = leaks(script);
        let mut leaks = leaks.iter().peekable();
        if !script.is_and_chain() || script.has_here_document() {
            self.member(0..script.commands().len(), 0..script.text().len(), false, &mut leaks);
            return;
        }
        let mut first = 0;
        let pipelines = || script.lists().iter().flat_map(|list| &list.pipelines);
        let last = pipelines().count().saturating_sub(1);
        for (number, pipeline) in pipelines().enumerate() {
            let behind = script.commands()[first..].partition_point(|c| c.span.start < pipeline.span.end);
            let commands = first..first + behind;
            first = commands.end;
            let exits = self.exits_on_error || sets_errexit(&script.commands()[commands.clone()]);
            // `-e` is off in all but the last command of a `&&` list, inside brackets and keywords, too.
            let simple = |element: &Element| matches!(element, Element::Simple(_));
            let guarded = exits && number < last && !pipeline.elements.iter().all(simple);
            if subshell(pipeline).is_some_and(|span| self.own_shell(&script.text()[span], guarded)) {
                continue;
            }
            self.exits_on_error = exits;
            self.member(commands, pipeline.span.clone(), guarded, &mut leaks);
        }
    }

    /// Adds the commands of a part of the script. What stands between them (operators, brackets, keywords) is
    /// part of the circumstances.
    fn member<'l>(
        &mut self,
        commands: Range<usize>,
        span: Range<usize>,
        guarded: bool,
        leaks: &mut Peekable<impl Iterator<Item = &'l Leak>>,
    ) {
        let script = self.script;
        let mut structure = DefaultHasher::new();
        guarded.hash(&mut structure);
        let mut plain = !guarded;
        let mut end = span.start;
        for (index, simple) in commands.clone().zip(&script.commands()[commands]) {
            let between = without_comments(script, end, simple.span.start);
            plain &= between.is_empty();
            between.hash(&mut structure);
            here_documents(script, end..simple.span.start).for_each(|body| body.hash(&mut structure));
            end = simple.span.end.max(end);
            while let Some(left) = leaks
                .next_if(|left| left.command < index || left.command == index && left.what == "a function")
            {
                left.what.hash(&mut self.state);
                // What leaves a loop or a function behind is compared command by command.
                if let Some(command) = left.simple.and_then(|index| script.commands().get(index)) {
                    command_text(script, command).hash(&mut self.state);
                }
            }
            let mut context = self.hasher.clone();
            if !plain {
                structure.finish().hash(&mut context);
            }
            self.state.finish().hash(&mut context);
            self.push(command_text(script, simple), context.finish(), variables(simple));
        }
        let tail = without_comments(script, end, span.end);
        if !tail.is_empty() {
            // A closing word, a here-document or a `&` behind the last command.
            let mut context = self.hasher.clone();
            structure.finish().hash(&mut context);
            here_documents(script, end..span.end).for_each(|body| body.hash(&mut context));
            self.push(tail, context.finish(), Vec::new());
        }
    }

    /// A subshell in a chain of `&&` does what a RUN of its own does. `false` where it has redirections, or
    /// can't be read.
    fn own_shell(&mut self, text: &str, guarded: bool) -> bool {
        let inside = text.strip_prefix('(').and_then(|text| text.strip_suffix(')'));
        let Some(Ok(inner)) = inside.map(Script::parse) else { return false };
        if inner.commands().is_empty() {
            return false;
        }
        let (hasher, mut state) = (self.hasher.clone(), self.state.clone());
        if guarded {
            "without -e".hash(&mut state);
        }
        let exits_on_error = self.exits_on_error;
        Walk { script: &inner, hasher, state, exits_on_error, atoms: self.atoms }.script();
        true
    }

    fn push(&mut self, text: String, context: u64, variables: Vec<(String, u64)>) {
        let (sources, environment) = (Vec::new(), None);
        self.atoms.push(Atom { text, config: false, at: 0, context, variables, sources, environment });
    }
}

/// What stands in a member of a chain that is a subshell and nothing else.
fn subshell(pipeline: &Pipeline) -> Option<Range<usize>> {
    match pipeline.elements.as_slice() {
        [Element::Compound { kind: CompoundKind::Subshell, span, .. }]
            if !pipeline.negated && !pipeline.timed =>
        {
            Some(span.clone())
        }
        _ => None,
    }
}

/// The bodies of here-documents in a range: white space means something in them.
fn here_documents(script: &Script, range: Range<usize>) -> impl Iterator<Item = &str> {
    let documents = script.here_documents();
    let first = documents.partition_point(|body| body.start < range.start);
    documents[first..]
        .iter()
        .take_while(move |body| body.start < range.end)
        .map(|body| &script.text()[body.clone()])
}

/// The variables that a command names. What they are is filled in later.
fn variables(simple: &SimpleCommand) -> Vec<(String, u64)> {
    let words = simple.words.iter().chain(simple.assignments.iter().map(|a| &a.value));
    words
        .chain(simple.redirections.iter().filter_map(|redirection| redirection.target.as_ref()))
        .flat_map(|word| &word.variables)
        .map(|name| (name.clone(), 0))
        .collect()
}

/// The text between two commands, comments left out, white space collapsed.
fn without_comments(script: &Script, start: usize, end: usize) -> String {
    let mut text = String::new();
    let mut at = start;
    let first = script.comments().partition_point(|span| span.start < start);
    for comment in script.comments()[first..].iter().take_while(|span| span.end <= end) {
        text.push_str(script.text().get(at..comment.start).unwrap_or_default());
        at = comment.end;
    }
    text.push_str(script.text().get(at.min(end)..end).unwrap_or_default());
    let newline = text.contains('\n') && start > 0;
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    // A newline is a separator like `;` where nothing else separates.
    if words.is_empty() && newline && end < script.text().len() { ";".to_owned() } else { words }
}
