//! What each of the eighteen instructions says, and what is wrong with a file, in BuildKit's words.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test")]

use dfix_syntax::{
    ArgumentPair, CommandForm, Dockerfile, Healthcheck, ImageReference, Instruction, Keyword, Kind, Word,
    variables_of,
};

/// The second instruction of a file that is `FROM a` and `text`.
#[track_caller]
fn second(text: &str) -> Instruction {
    let text = format!("FROM a\n{text}\n");
    let tree = Dockerfile::parse(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
    assert_eq!(tree.to_string(), text);
    tree.instructions[1].clone()
}

fn form(instruction: &Instruction, form: &CommandForm) -> String {
    match form {
        CommandForm::Exec(words) => format!("exec {}", words.join("|")),
        CommandForm::Shell(range) => format!("shell {}", &instruction.logical().text[range.clone()]),
    }
}

fn raws<'w>(words: impl IntoIterator<Item = &'w Word>) -> String {
    words.into_iter().map(|word| word.raw.as_str()).collect::<Vec<_>>().join("|")
}

fn pairs(pairs: &[ArgumentPair]) -> String {
    let pair = |pair: &ArgumentPair| match &pair.value {
        Some(value) => format!("{}{}{}", pair.name, if pair.old_form { " " } else { "=" }, value.raw),
        None => pair.name.clone(),
    };
    pairs.iter().map(pair).collect::<Vec<_>>().join("|")
}

/// An instruction in a form that is easy to compare.
fn said(instruction: &Instruction) -> String {
    let flags = instruction.flags().iter().map(|flag| match &flag.value {
        Some(value) => format!("--{}={value} ", flag.name),
        None => format!("--{} ", flag.name),
    });
    let flags: String = flags.collect();
    let kind = match instruction.kind() {
        Kind::Add(transfer) | Kind::Copy(transfer) => {
            let json = if transfer.json { "json " } else { "" };
            format!("{json}{} -> {}", raws(&transfer.sources), transfer.destination.raw)
        }
        Kind::Arg(list) | Kind::Env(list) | Kind::Label(list) => pairs(list),
        Kind::Cmd(command) | Kind::Entrypoint(command) | Kind::Run(command) => form(instruction, command),
        Kind::Expose(words) => raws(words),
        Kind::From { image, name } => raws(std::iter::once(image).chain(name)),
        Kind::Healthcheck(Healthcheck::None) => "none".to_owned(),
        Kind::Healthcheck(Healthcheck::Cmd(command)) => form(instruction, command),
        Kind::Maintainer(word) | Kind::Stopsignal(word) | Kind::User(word) | Kind::Workdir(word) => {
            word.raw.clone()
        }
        Kind::Onbuild(Some(inner)) => format!("{} holds {:?}", inner.name, inner.flags.len()),
        Kind::Onbuild(None) => "unknown".to_owned(),
        Kind::Shell(words) | Kind::Volume(words) => words.join("|"),
    };
    format!("{} {flags}{kind}", instruction.keyword())
}

#[test]
fn each_instruction_says_what_it_says() {
    for (text, expected) in [
        ("ADD a b c/", "ADD a|b -> c/"),
        ("ADD --checksum=sha256:1 https://a/b /c", "ADD --checksum=sha256:1 https://a/b -> /c"),
        ("ADD [\"a b\", \"c\"]", "ADD json a b -> c"),
        ("ARG a", "ARG a"),
        ("ARG a= b='c d' e", "ARG a=|b='c d'|e"),
        ("CMD a  b", "CMD shell a  b"),
        ("CMD [\"a\", \"b c\"]", "CMD exec a|b c"),
        ("CMD", "CMD shell "),
        ("CMD [a]", "CMD shell [a]"),
        ("COPY --from=x --chown=1:1 --link a b", "COPY --from=x --chown=1:1 --link a -> b"),
        ("COPY --chown=\"$U\" a b", "COPY --chown=$U a -> b"),
        ("COPY <<A <<B /c\nA\nB", "COPY <<A|<<B -> /c"),
        ("ENTRYPOINT exec a", "ENTRYPOINT shell exec a"),
        ("ENTRYPOINT [\"a\"]", "ENTRYPOINT exec a"),
        ("ENV a=b c=\"d e\" f='g' h=i\\ j", "ENV a=b|c=\"d e\"|f='g'|h=i\\ j"),
        ("ENV a b  c=d", "ENV a b  c=d"),
        ("ENV a=b \\\n  c=d", "ENV a=b|c=d"),
        ("EXPOSE 80 443/tcp $P", "EXPOSE 80|443/tcp|$P"),
        ("FROM --platform=$BUILDPLATFORM b:1 as c", "FROM --platform=$BUILDPLATFORM b:1|c"),
        ("HEALTHCHECK NONE", "HEALTHCHECK none"),
        ("HEALTHCHECK --interval=5s CMD a || b", "HEALTHCHECK --interval=5s shell a || b"),
        ("healthcheck cmd [\"a\"]", "HEALTHCHECK exec a"),
        ("LABEL a=b \"c d\"=e", "LABEL a=b|\"c d\"=e"),
        ("LABEL a b c", "LABEL a b c"),
        ("MAINTAINER A B <c@d>", "MAINTAINER A B <c@d>"),
        ("ONBUILD RUN --mount=type=ssh a", "ONBUILD RUN holds 1"),
        ("ONBUILD COPPY a b", "ONBUILD unknown"),
        ("RUN a && \\\n  # b\n\n  c", "RUN shell a &&   c"),
        ("RUN [\"a\", \"b\"]", "RUN exec a|b"),
        (
            "RUN --mount=type=cache,target=/a --network=none b",
            "RUN --mount=type=cache,target=/a --network=none shell b",
        ),
        ("RUN -- --a", "RUN shell --a"),
        ("RUN <<E\na\nE", "RUN shell <<E"),
        ("SHELL [\"/bin/bash\", \"-c\"]", "SHELL /bin/bash|-c"),
        ("STOPSIGNAL SIGTERM", "STOPSIGNAL SIGTERM"),
        ("USER a:b", "USER a:b"),
        ("VOLUME /a /b", "VOLUME /a|/b"),
        ("VOLUME [\"/a b\"]", "VOLUME /a b"),
        ("WORKDIR /a b", "WORKDIR /a b"),
        ("  workdir\t/a  ", "WORKDIR /a"),
    ] {
        assert_eq!(said(&second(text)), expected, "{text}");
    }
}

#[test]
fn keywords_are_read_in_any_case() {
    for word in ["RUN", "run", "Run", "rUN"] {
        assert_eq!(Keyword::parse(word), Some(Keyword::Run));
        assert_eq!(second(&format!("{word} a")).written_keyword(), word);
    }
    assert_eq!(Keyword::parse("RUNS"), None);
}

#[test]
fn errors_have_buildkits_words_and_a_place() {
    for (text, expected) in [
        ("", "line 1, column 1: file with no instructions"),
        ("# only\n", "line 2, column 1: file with no instructions"),
        ("FROM a\nRUN\nBOGUS x\n", "line 3, column 1: unknown instruction: BOGUS"),
        ("FROM a\n\n  é x\n", "line 3, column 3: unknown instruction: é"),
        ("ARG a\n", "line 2, column 1: no build stage in current context: the file has no FROM"),
        ("FROM a b\n", "line 1, column 1: FROM requires either one or three arguments"),
        ("FROM a\nENV a\n", "line 2, column 1: ENV must have two arguments"),
        (
            "FROM a\nENV a=b c\n",
            "line 2, column 1: Syntax error - can't find = in \"c\". Must be of the form: name=value",
        ),
        (
            "FROM a\nCMD [\"a\", 1]\n",
            "line 2, column 1: when using JSON array syntax, arrays must be comprised of strings only",
        ),
        ("FROM a\n# b\nRUN <<E\nc\n", "line 3, column 1: unterminated heredoc"),
        ("# escape=x\nFROM a\n", "line 1, column 1: invalid escape token 'x' does not match ` or \\"),
        (
            "# escape=`\n# escape=`\nFROM a\n",
            "line 2, column 1: only one escape parser directive can be used",
        ),
        (
            "FROM a\nCOPY a\n",
            "line 2, column 1: COPY requires at least two arguments, but only one was provided. Destination could not be determined",
        ),
        ("FROM a\nSHELL a\n", "line 2, column 1: SHELL requires the arguments to be in JSON form"),
        ("FROM a\nHEALTHCHECK a\n", "line 2, column 1: unknown type \"A\" in HEALTHCHECK (try CMD)"),
        ("FROM a\nUSER\n", "line 2, column 1: USER requires exactly one argument"),
        (
            "FROM a\nONBUILD ONBUILD RUN b\n",
            "line 2, column 1: Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed",
        ),
    ] {
        assert_eq!(Dockerfile::parse(text).unwrap_err().to_string(), expected, "{text}");
    }
}

#[test]
fn white_space_beyond_ascii_is_part_of_words() {
    // Flags end before it, values begin with it.
    assert_eq!(said(&second("RUN \u{a0}--mount=type=ssh a")), "RUN shell --mount=type=ssh a");
    assert_eq!(said(&second("COPY \u{2028}--from=x a b")), "COPY --from=x|a -> b");
    assert_eq!(said(&second("ENV a \u{2028}b")), "ENV a \u{2028}b");
    assert_eq!(said(&second("HEALTHCHECK CMD \u{2028}a")), "HEALTHCHECK shell \u{2028}a");
    let error = Dockerfile::parse("# escape=`\u{a0}\nFROM a\n").unwrap_err();
    assert_eq!(error.message, "invalid escape token '`\u{a0}' does not match ` or \\");
}

#[test]
fn a_byte_order_mark_stands_on_top_only() {
    let text = "\u{feff}# escape=`\nFROM a\nRUN b `\n  c\n";
    let tree = Dockerfile::parse(text).unwrap();
    assert_eq!((tree.escape(), tree.to_string().as_str()), ('`', text));
    assert_eq!(said(&Dockerfile::parse("\u{feff}FROM a\n").unwrap().instructions[0]), "FROM a");
    let error = Dockerfile::parse("FROM a\n\u{feff}USER b\n").unwrap_err();
    assert_eq!(error.message, "unknown instruction: \u{feff}USER");
}

#[test]
fn an_escape_character_at_the_end_means_nothing() {
    assert_eq!(said(&second("ENV a=\"b\" \\\u{85}")), "ENV a=\"b\"");
    assert_eq!(said(&second("ENV a=b\\\u{85}")), "ENV a=b");
}

#[test]
fn directives_are_read_as_long_as_nothing_else_was() {
    let names = |text: &str| -> Vec<String> {
        let tree = Dockerfile::parse(text).unwrap();
        tree.directives().iter().map(|directive| format!("{}={}", directive.name, directive.value)).collect()
    };
    assert_eq!(names("# syntax = a/b:1 \n#ESCAPE=`\nFROM a\n"), ["syntax=a/b:1", "escape=`"]);
    assert_eq!(names("# a comment\n# syntax=a\nFROM a\n"), Vec::<String>::new());
    assert_eq!(names("\n# syntax=a\nFROM a\n"), Vec::<String>::new());
    assert_eq!(names("# check=skip=all\nFROM a\n"), ["check=skip=all"]);
}

#[test]
fn here_documents_are_found_where_buildkit_finds_them() {
    let found = |text: &str| -> Vec<(String, bool, bool, u32, String)> {
        let instruction = second(text);
        let here = instruction.here_documents().iter().map(|document| {
            let body = instruction.text()[document.body.clone()].to_owned();
            (document.name.clone(), document.expand, document.chomp, document.descriptor, body)
        });
        here.collect()
    };
    let one = |name: &str, expand, chomp, descriptor, body: &str| {
        vec![(name.to_owned(), expand, chomp, descriptor, body.to_owned())]
    };
    assert_eq!(found("RUN <<E\na\n# b\nE"), one("E", true, false, 0, "a\n# b\n"));
    assert_eq!(found("RUN <<-E\n\ta\n\tE"), one("E", true, true, 0, "\ta\n"));
    assert_eq!(found("RUN <<'E F' cat\na\nE F"), one("E F", false, false, 0, "a\n"));
    assert_eq!(found("RUN cat <<\"E\" > b\na\nE"), one("E", false, false, 0, "a\n"));
    assert_eq!(found("RUN cat << E > b\na\nE"), one("E", true, false, 0, "a\n"));
    assert_eq!(found("RUN a 3<<E\nE"), one("E", true, false, 3, ""));
    assert_eq!(found("RUN a ${b:1} <<E\nE"), one("E", true, false, 0, ""));
    assert_eq!(found("ONBUILD COPY <<E /a\nb\nE"), one("E", true, false, 0, "b\n"));
    for none in [
        "RUN a <<< E",
        "RUN a '<<E'",
        "RUN a \\<<E",
        "RUN [\"a\", \"<<E\"]",
        "CMD <<E",
        "RUN a <<- E",
        "RUN echo $((1 << 2))",
        "RUN a ${b^} <<E",
    ] {
        assert_eq!(found(none), Vec::new(), "{none}");
    }
    assert_eq!(found("COPY <<A <<B /c\na\nA\nb\nB").len(), 2);
}

#[test]
fn the_script_of_a_run_is_what_its_shell_gets() {
    let script = |text: &str| second(text).script_text().map(|script| script.text.clone());
    assert_eq!(script("RUN a && \\\n  # b\n  c").as_deref(), Some("a &&   c"));
    assert_eq!(script("RUN <<E\na\nb\nE").as_deref(), Some("a\nb\n"));
    assert_eq!(script("RUN << E\na\nE").as_deref(), Some("a\n"));
    assert_eq!(script("RUN <<-E\n\ta\n\tE").as_deref(), Some("a\n"));
    assert_eq!(script("RUN cat <<E\na\nE").as_deref(), Some("cat <<E\na\nE"));
    assert_eq!(script("RUN <<E\n#!/usr/bin/env python3\na\nE"), None);
    assert_eq!(script("RUN [\"a\"]"), None);
    assert_eq!(script("HEALTHCHECK CMD a || b").as_deref(), Some("a || b"));
    assert_eq!(script("COPY a b"), None);
    // Back to the text.
    let run = second("RUN a && \\\n  b");
    let at = run.script_text().unwrap().text.find('b').unwrap();
    assert_eq!(&run.text()[run.script_range(at..at + 1).unwrap()], "b");
}

#[test]
fn an_instruction_is_a_value() {
    let run = Instruction::parse("# why\nRUN a\n", '\\').unwrap();
    assert_eq!((run.lead(), run.text(), run.line()), ("# why\n", "RUN a\n", 2));
    assert_eq!(run.with_lead("").to_string(), "RUN a\n");
    assert_eq!(run.with_end("").to_string(), "# why\nRUN a");
    assert_eq!(run.with_end("\r\n").text(), "RUN a\r\n");
    assert_eq!(run.at_line(9).line(), 9);
    assert_eq!(run.at_line(9), run);
    let edited = run.edited(&[(4..5, "b".to_owned()), (5..5, " c".to_owned())]).unwrap();
    assert_eq!((edited.to_string().as_str(), edited.line()), ("# why\nRUN b c\n", 2));
    assert!(run.edited(&[(0..0, "USER x\n".to_owned())]).is_err());
    // The same script for all copies, before it was parsed and after.
    let copy = run.with_lead("");
    assert!(
        matches!(run.script(), Some(Ok(script)) if std::ptr::eq(script, copy.script().unwrap().unwrap()))
    );
    let comments = Instruction::parse("# a\n\nRUN b \\\n  # c\n  d # e\n", '\\').unwrap();
    assert_eq!(comments.comments().collect::<Vec<_>>(), ["# a", "# c"]);
}

#[test]
fn words_lose_their_quotes() {
    let literal = |raw: &str, escape| Word { span: 0..raw.len(), raw: raw.to_owned() }.literal(escape);
    assert_eq!(literal("a'b c'\"d\"\\ e", '\\').as_deref(), Some("ab cd e"));
    assert_eq!(literal("\"a\\b\\\"c\"", '\\').as_deref(), Some("a\\b\"c"));
    assert_eq!(literal("c:\\a` b", '`').as_deref(), Some("c:\\a b"));
    assert_eq!(literal("'$A'", '\\').as_deref(), Some("$A"));
    assert_eq!(literal("$A", '\\'), None);
    assert_eq!(variables_of("$A ${B:-$C} '$D' \"$E\" \\$F ${A}"), ["A", "B", "C", "E"]);
}

#[test]
fn image_references_are_taken_apart() {
    for (text, registry, repository, tag, digest) in [
        ("a", None, "a", None, None),
        ("a/b:1", None, "a/b", Some("1"), None),
        ("a.b/c", Some("a.b"), "c", None, None),
        ("localhost:5000/c:1@sha256:2", Some("localhost:5000"), "c", Some("1"), Some("sha256:2")),
        ("${R}/a:${V:-1}", Some("${R}"), "a", Some("${V:-1}"), None),
        ("a:$V", None, "a", Some("$V"), None),
        ("docker.io/library/a", Some("docker.io"), "library/a", None, None),
    ] {
        let image = ImageReference::parse(text);
        assert_eq!(
            (
                image.registry.as_deref(),
                image.repository.as_str(),
                image.tag.as_deref(),
                image.digest.as_deref()
            ),
            (registry, repository, tag, digest)
        );
        assert_eq!(image.to_string(), text);
    }
    assert_eq!(ImageReference::parse("docker.io/library/a:1").familiar_name(), "a");
    assert_eq!(ImageReference::parse("ghcr.io/a/b").familiar_name(), "ghcr.io/a/b");
}

#[test]
fn stages_know_each_other() {
    let text = "ARG V\nFROM a AS One\nRUN b\nFROM one\nFROM c\nCOPY --from=0 /a /a\nRUN --mount=type=bind,from=ONE,target=/x b\nONBUILD COPY --from=d /a /a\n";
    let tree = Dockerfile::parse(text).unwrap();
    let stages = tree.stages();
    assert_eq!(stages.iter().map(|stage| stage.instructions.clone()).collect::<Vec<_>>(), [1..3, 3..4, 4..8]);
    assert_eq!(tree.global_args().len(), 1);
    assert_eq!(Dockerfile::stage_of(&stages, "ONE", 1, false), Some(0));
    assert_eq!(Dockerfile::stage_of(&stages, "0", 2, false), None);
    assert_eq!(Dockerfile::stage_of(&stages, "0", 2, true), Some(0));
    assert_eq!(Dockerfile::stage_of(&stages, "2", 2, true), None);
    let from = |(at, name): (usize, &str)| (at, name.to_owned());
    assert_eq!(tree.sources_elsewhere(&stages[2]), [(5, "0"), (6, "ONE"), (7, "d")].map(from));
}
