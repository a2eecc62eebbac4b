//! The examples of every manual (`src/catalog/NAME.md`) are its tests.
//!
//! Under a heading stand, in this order: the files of the build context (```` ```file PATH ````, none where the
//! context is unknown), the Dockerfile (```` ```dockerfile ````), and then either `->` and the Dockerfile that
//! the transform makes of it, or nothing, where it must leave the file alone. A quoted line (`> …`) behind an
//! example is part of what a step of it says: of its message, its evidence or the reason for declining.
//! Words behind `dockerfile` are options: `unproven`, `merge=all`, `base=alpine`, `context` (the context is
//! known and holds no more than the files given), `suggested` (a step is offered but not made).

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test")]

use dfix_syntax::Dockerfile;
use dfix_transforms::catalog::CATALOG;
use dfix_transforms::{Base, BuildContext, Merge, Options, Outcome, Plan, Transform, plan};
use libtest_mimic::{Arguments, Failed, Trial};
use pulldown_cmark::{CodeBlockKind, Event, Parser, Tag, TagEnd};
use std::collections::BTreeMap;
use std::process::ExitCode;

#[derive(Debug, Default, Clone)]
struct Example {
    heading: String,
    files: BTreeMap<String, String>,
    flags: Vec<String>,
    before: String,
    after: Option<String>,
    says: Vec<String>,
}

fn examples(manual: &str) -> Vec<Example> {
    let mut found: Vec<Example> = Vec::new();
    let mut heading = String::new();
    let mut files = BTreeMap::new();
    let (mut in_heading, mut in_quote, mut arrow) = (false, false, false);
    let mut block: Option<(String, String)> = None;
    for event in Parser::new(manual) {
        match event {
            Event::Start(Tag::Heading { .. }) => {
                heading.clear();
                files.clear();
                in_heading = true;
            }
            Event::End(TagEnd::Heading(_)) => in_heading = false,
            Event::Start(Tag::BlockQuote(_)) => {
                in_quote = true;
                found.last_mut().expect("a quote behind an example").says.push(String::new());
            }
            Event::End(TagEnd::BlockQuote(_)) => in_quote = false,
            Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(info))) => {
                block = Some((info.to_string(), String::new()));
            }
            Event::End(TagEnd::CodeBlock) => {
                let Some((info, text)) = block.take() else { continue };
                let mut words = info.split_whitespace().map(str::to_owned);
                match words.next().as_deref() {
                    Some("file") => {
                        files.insert(words.next().expect("a path"), text);
                    }
                    Some("dockerfile") if arrow => {
                        arrow = false;
                        found.last_mut().expect("an example before `->`").after = Some(text);
                    }
                    Some("dockerfile") => found.push(Example {
                        heading: heading.clone(),
                        files: files.clone(),
                        flags: words.collect(),
                        before: text,
                        ..Example::default()
                    }),
                    _ => {}
                }
            }
            Event::Text(text) | Event::Code(text) => {
                if let Some((_, body)) = &mut block {
                    body.push_str(&text);
                } else if in_quote {
                    found.last_mut().expect("an example").says.last_mut().expect("a quote").push_str(&text);
                } else if in_heading {
                    heading.push_str(&text);
                } else if text.trim() == "->" {
                    arrow = true;
                }
            }
            Event::SoftBreak if in_quote => {
                found.last_mut().expect("an example").says.last_mut().expect("a quote").push(' ');
            }
            _ => {}
        }
    }
    found
}

fn run(transform: &Transform, example: &Example, text: &str) -> Plan {
    let flag = |name: &str| example.flags.iter().any(|flag| flag == name);
    let options = Options {
        only: vec![transform.id.to_owned()],
        unproven: flag("unproven"),
        merge: if flag("merge=all") { Merge::All } else { Merge::Related },
        base: if flag("base=alpine") { Base::Alpine } else { Base::Slim },
        ..Options::default()
    };
    let known = !example.files.is_empty() || flag("context");
    let files = example.files.iter().map(|(path, text)| (path.as_str(), text.as_str()));
    let context = known.then(|| BuildContext::of_texts(files));
    let tree = Dockerfile::parse(text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    plan(&tree, context.as_ref(), &options)
}

/// What is wrong with an example, in words.
fn problems(transform: &Transform, example: &Example) -> Vec<String> {
    let plan = run(transform, example, &example.before);
    let result = plan.result.to_string();
    let said: Vec<String> = plan
        .steps
        .iter()
        .flat_map(|step| std::iter::once(step.message.clone()).chain(step.evidence.iter().cloned()))
        .collect();
    let mut problems = Vec::new();
    let expected = example.after.as_ref().unwrap_or(&example.before);
    if result != *expected {
        problems.push(format!("expected\n{expected}\nbut got\n{result}\nsteps: {:#?}", plan.steps));
    }
    if let Some(dropped) = plan.with_outcome(Outcome::Dropped).next() {
        problems.push(format!("dropped: {dropped:?}"));
    }
    if example.flags.iter().any(|flag| flag == "suggested")
        && plan.with_outcome(Outcome::Suggested).next().is_none()
    {
        problems.push("nothing was suggested".to_owned());
    }
    for wanted in &example.says {
        if !said.iter().any(|text| text.contains(wanted.as_str())) {
            problems.push(format!("expected it to say {wanted:?}, but it said {said:#?}"));
        }
    }
    let again = run(transform, example, &result).result.to_string();
    if again != result {
        problems.push(format!("a second run makes of\n{result}\nthis\n{again}"));
    }
    problems
}

/// A manual shows at least one thing that its transform does, and one that it leaves alone.
fn has_examples(transform: &Transform) -> Result<(), Failed> {
    let examples = examples(transform.manual);
    let made = examples.iter().filter(|example| example.after.is_some()).count();
    if made == 0 || examples.len() == made {
        return Err(format!("{made} of {} examples show a change", examples.len()).into());
    }
    Ok(())
}

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let mut trials = vec![Trial::test("an_example_is_read_whole", an_example_is_read_whole)];
    for transform in CATALOG {
        trials.push(Trial::test(format!("{}::has_examples", transform.id), || has_examples(transform)));
        for example in examples(transform.manual) {
            let name = format!("{}::{}", transform.id, example.heading);
            trials.push(Trial::test(name, move || {
                let problems = problems(transform, &example);
                if problems.is_empty() { Ok(()) } else { Err(problems.join("\n\n").into()) }
            }));
        }
    }
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn an_example_is_read_whole() -> Result<(), Failed> {
    let manual = "# x\n\n## One\n\n```file a.txt\nhello\n```\n\n```dockerfile unproven\nFROM a\n```\n\n->\n\n```dockerfile\nFROM b\n```\n\n> because `it`\n> is so\n";
    let found = examples(manual);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].heading, "One");
    assert_eq!(found[0].files["a.txt"], "hello\n");
    assert_eq!(found[0].flags, ["unproven"]);
    assert_eq!(found[0].before, "FROM a\n");
    assert_eq!(found[0].after.as_deref(), Some("FROM b\n"));
    assert_eq!(found[0].says, ["because it is so"]);
    Ok(())
}
