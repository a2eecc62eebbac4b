//! A second reader, which knows nothing of the first.

use dfix_syntax::{Dockerfile, Keyword, Kind};
use dockerfile_parser::Instruction;

/// What `dockerfile-parser` could read before, it still reads, to the same stages and instructions. It knows
/// of no other escape character than the backslash.
pub(super) fn reader(before: (&str, &Dockerfile), after: (&str, &Dockerfile), problems: &mut Vec<String>) {
    if before.1.escape() != '\\' {
        return;
    }
    let Some(agreed) = disagreement(before) else { return };
    match disagreement(after) {
        None => problems.push("a second reader can't read the result any more".to_owned()),
        // Where it read the original otherwise, it only has to read the result.
        Some(Some(problem)) if agreed.is_none() => problems.push(problem),
        Some(_) => {}
    }
}

/// What it reads otherwise, if anything; `None` where it can't read the text.
#[allow(clippy::option_option, reason = "that it can't read is another answer than that it agrees")]
fn disagreement((text, tree): (&str, &Dockerfile)) -> Option<Option<String>> {
    let read = dockerfile_parser::Dockerfile::parse(text).ok()?;
    let theirs: Vec<String> = read.instructions.iter().map(keyword).collect();
    let ours: Vec<&str> =
        tree.instructions.iter().map(|instruction| instruction.keyword().as_str()).collect();
    if theirs != ours {
        let same = theirs.iter().zip(&ours).take_while(|(theirs, ours)| theirs == *ours).count();
        let place =
            ours.get(same).map_or("the end".to_owned(), |word| format!("{word} (number {})", same + 1));
        return Some(Some(format!("a second reader finds other instructions from {place} on")));
    }
    let theirs = read.instructions.iter().filter_map(|instruction| match instruction {
        Instruction::From(from) => Some(from.alias.as_ref().map(|name| name.content.clone())),
        _ => None,
    });
    let ours = tree.instructions.iter().filter_map(|instruction| match instruction.kind() {
        Kind::From { name, .. } => Some(name.as_ref().map(|name| name.raw.clone())),
        _ => None,
    });
    Some((!theirs.eq(ours)).then(|| "a second reader finds other stages".to_owned()))
}

fn keyword(instruction: &Instruction) -> String {
    let keyword = match instruction {
        Instruction::From(_) => Keyword::From,
        Instruction::Arg(_) => Keyword::Arg,
        Instruction::Label(_) => Keyword::Label,
        Instruction::Run(_) => Keyword::Run,
        Instruction::Entrypoint(_) => Keyword::Entrypoint,
        Instruction::Cmd(_) => Keyword::Cmd,
        Instruction::Copy(_) => Keyword::Copy,
        Instruction::Env(_) => Keyword::Env,
        Instruction::Misc(misc) => return misc.instruction.content.to_ascii_uppercase(),
    };
    keyword.as_str().to_owned()
}
