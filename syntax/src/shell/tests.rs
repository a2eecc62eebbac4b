use super::*;

fn parse(text: &str) -> Script {
    let script = match Script::parse(text) {
        Ok(script) => script,
        Err(error) => panic!("{error}: {text}"),
    };
    check(&script);
    script
}

fn refused(text: &str) {
    assert!(Script::parse(text).is_err(), "{text}");
}

fn check_word(text: &str, word: &Word) {
    assert_eq!(text.get(word.span.clone()), Some(word.raw.as_str()));
}

fn inside(outer: &Range<usize>, inner: &Range<usize>) {
    assert!(outer.start <= inner.start && inner.start <= inner.end && inner.end <= outer.end);
}

fn ascending<'a>(text: &str, spans: impl Iterator<Item = &'a Range<usize>>) {
    let mut last = 0;
    for span in spans {
        assert!(text.get(span.clone()).is_some() && last <= span.start, "{span:?} in {text:?}");
        last = span.end;
    }
}

/// What must hold of every script.
fn check(script: &Script) {
    let text = script.text();
    ascending(text, script.commands().iter().map(|command| &command.span));
    ascending(text, script.lists().iter().map(|list| &list.span));
    ascending(text, script.comments().iter());
    ascending(text, script.here_documents().iter());
    for comment in script.comments() {
        assert!(text[comment.clone()].starts_with('#') && !text[comment.clone()].contains('\n'));
    }
    for command in script.commands() {
        ascending(text, command.assignments.iter().map(|assignment| &assignment.span));
        ascending(text, command.words.iter().map(|word| &word.span));
        ascending(text, command.redirections.iter().map(|redirection| &redirection.span));
        inside(&command.span, &(command.end_of_words()..command.span.end));
        for word in &command.words {
            check_word(text, word);
            inside(&command.span, &word.span);
        }
        for assignment in &command.assignments {
            check_word(text, &assignment.value);
            inside(&command.span, &assignment.span);
            inside(&assignment.span, &assignment.value.span);
            assert!(text[assignment.span.clone()].starts_with(&assignment.name));
        }
        for redirection in &command.redirections {
            inside(&command.span, &redirection.span);
            assert!(text[redirection.span.clone()].contains(&redirection.operator));
            let target = redirection.target.as_ref().unwrap();
            check_word(text, target);
            inside(&redirection.span, &target.span);
        }
    }
    let mut simple = 0;
    for list in script.lists() {
        ascending(text, list.pipelines.iter().map(|pipeline| &pipeline.span));
        if let Some(span) = &list.terminator_span {
            assert!(list.span.end <= span.start);
            let terminator = match list.terminator {
                Terminator::Sequential => ";",
                Terminator::Background => "&",
                Terminator::Newline => "\n",
                Terminator::None => panic!(),
            };
            assert_eq!(&text[span.clone()], terminator);
        }
        for pipeline in &list.pipelines {
            inside(&list.span, &pipeline.span);
            assert_eq!(pipeline.joined_by.is_some(), pipeline.operator_span.is_some());
            if let (Some(joint), Some(span)) = (pipeline.joined_by, &pipeline.operator_span) {
                assert_eq!(&text[span.clone()], if joint == Joint::And { "&&" } else { "||" });
            }
            for element in &pipeline.elements {
                match element {
                    Element::Simple(index) => {
                        assert_eq!(*index, simple);
                        simple += 1;
                        inside(&pipeline.span, &script.commands()[*index].span);
                    }
                    Element::Compound { span, commands, .. } => {
                        assert_eq!(commands.start, simple);
                        simple = commands.end;
                        inside(&pipeline.span, span);
                        for command in &script.commands()[commands.clone()] {
                            inside(span, &command.span);
                            assert!(!command.enclosures.is_empty());
                        }
                    }
                }
            }
        }
    }
    assert_eq!(simple, script.commands().len());
}

fn slices(script: &Script) -> Vec<&str> {
    script.commands().iter().map(|command| &script.text()[command.span.clone()]).collect()
}

fn words(script: &Script, index: usize) -> Vec<Option<&str>> {
    script.commands()[index].literals().collect()
}

fn comments(script: &Script) -> Vec<&str> {
    script.comments().iter().map(|span| &script.text()[span.clone()]).collect()
}

fn kinds(script: &Script) -> Vec<(CompoundKind, &str)> {
    let pipelines = script.lists().iter().flat_map(|list| &list.pipelines);
    pipelines
        .flat_map(|pipeline| &pipeline.elements)
        .filter_map(|element| match element {
            Element::Compound { kind, span, .. } => Some((*kind, &script.text()[span.clone()])),
            Element::Simple(_) => None,
        })
        .collect()
}

#[test]
fn and_or() {
    let script = parse("a && b || c");
    let list = &script.lists()[0];
    assert_eq!(list.span, 0..11);
    let spans: Vec<_> = list.pipelines.iter().map(|pipeline| pipeline.span.clone()).collect();
    assert_eq!(spans, [0..1, 5..6, 10..11]);
    assert_eq!(list.pipelines[1].operator_span, Some(2..4));
    assert_eq!(list.pipelines[2].operator_span, Some(7..9));
    assert_eq!(list.pipelines[1].joined_by, Some(Joint::And));
    assert_eq!(script.commands()[2].joined_by, Some(Joint::Or));
    assert!(!script.is_and_chain());
    assert!(parse("a && b &&\\\n c").is_and_chain());
    assert!(parse("a && b\n").is_and_chain());
    assert!(!parse("a && b;").is_and_chain());
    assert!(!parse("a\nb").is_and_chain());
}

#[test]
fn terminators() {
    let script = parse("a; b & c\nd");
    let found: Vec<_> = script
        .lists()
        .iter()
        .map(|list| (list.span.clone(), list.terminator, list.terminator_span.clone()))
        .collect();
    let expected = [
        (0..1, Terminator::Sequential, Some(1..2)),
        (3..4, Terminator::Background, Some(5..6)),
        (7..8, Terminator::Newline, Some(8..9)),
        (9..10, Terminator::None, None),
    ];
    assert_eq!(found, expected);
}

#[test]
fn subshell_in_a_pipeline() {
    let script = parse("cd /x && (make -j\"$(nproc)\"; ls) | tee out 2>&1");
    assert_eq!(slices(&script), ["cd /x", "make -j\"$(nproc)\"", "ls", "tee out 2>&1"]);
    assert_eq!(script.lists()[0].pipelines[1].span, 9..47);
    assert_eq!(kinds(&script), [(CompoundKind::Subshell, "(make -j\"$(nproc)\"; ls)")]);
    let make = &script.commands()[1];
    assert_eq!(make.enclosures, [CompoundKind::Subshell]);
    assert!(!make.in_pipeline && make.words[1].has_substitution && make.words[1].quoted);
    let tee = &script.commands()[3];
    assert!(tee.in_pipeline);
    assert_eq!(tee.joined_by, Some(Joint::And));
    assert_eq!(tee.redirections[0].operator, ">&");
    assert_eq!(tee.redirections[0].descriptor, Some(2));
    assert_eq!(tee.redirections[0].span, 43..47);
    assert_eq!(tee.end_of_words(), 42);
    assert_eq!(script.substitution_commands()[0].words, [Some("nproc".to_owned())]);
}

#[test]
fn conditions() {
    let script = parse("if ! test -f x; then apt-get install -y a; elif b; then c; else d; fi >log");
    let conditions: Vec<_> = script.commands().iter().map(|command| command.condition).collect();
    assert_eq!(conditions, [true, false, true, false, false]);
    assert_eq!(slices(&script)[1], "apt-get install -y a");
    assert_eq!(script.commands()[1].enclosures, [CompoundKind::If]);
    let script = parse("! x && y");
    assert!(script.lists()[0].pipelines[0].negated);
    assert_eq!(script.lists()[0].pipelines[0].span, 0..3);
    assert!(script.commands()[0].condition && !script.commands()[1].condition);
    let script = parse("while a; do b; done; until ! c | d; do e; done");
    let conditions: Vec<_> = script.commands().iter().map(|command| command.condition).collect();
    assert_eq!(conditions, [true, false, true, true, false]);
    assert!(parse("time -p a").lists()[0].pipelines[0].timed);
}

#[test]
fn compounds() {
    let script =
        parse("for x in a \"$b\"; do echo $x; done; for y; do z; done; for ((i=0; i<n; i++)); do w; done");
    assert_eq!(slices(&script), ["echo $x", "z", "w"]);
    assert_eq!(kinds(&script)[2].0, CompoundKind::ArithmeticFor);
    assert_eq!(script.commands()[2].enclosures, [CompoundKind::ArithmeticFor]);
    for name in ["b", "x", "n", "i"] {
        assert!(script.variables_read().contains(name), "{name}");
    }
    let script = parse("case \"$a\" in (x|y*) b ;; 'z') ;; *) c; d ;& q) e; esac && f");
    assert_eq!(slices(&script), ["b", "c", "d", "e", "f"]);
    let script = parse("f() { a; } 2>&1; function g { b; }; function h() ( c ); f\nk () if x; then y; fi");
    assert_eq!(slices(&script), ["a", "b", "c", "f", "x", "y"]);
    assert_eq!(kinds(&script)[0], (CompoundKind::FunctionDefinition, "f() { a; } 2>&1"));
    let expected = [CompoundKind::FunctionDefinition, CompoundKind::BraceGroup];
    assert_eq!(script.commands()[0].enclosures, expected);
    let script = parse("[ a ] && b; [[ -f \"$p\" && ! c =~ ^(x|y)+$z ]] || d; (( n > 1 )) && e");
    assert_eq!(slices(&script), ["[ a ]", "b", "d", "e"]);
    assert_eq!(words(&script, 0), [Some("["), Some("a"), Some("]")]);
    assert_eq!(kinds(&script)[0].0, CompoundKind::Test);
    assert_eq!(kinds(&script)[1], (CompoundKind::Arithmetic, "(( n > 1 ))"));
}

#[test]
fn assignments() {
    let script = parse("VAR=1 OTHER=\"a b\" cmd x=y > /dev/null");
    let command = &script.commands()[0];
    assert_eq!(command.span, 0..37);
    assert_eq!(command.assignments[0].span, 0..5);
    assert_eq!(command.assignments[0].value.span, 4..5);
    assert_eq!(command.assignments[1].value.literal.as_deref(), Some("a b"));
    assert_eq!(words(&script, 0), [Some("cmd"), Some("x=y")]);
    assert_eq!(command.redirections[0].span, 26..37);
    assert_eq!(command.end_of_words(), 25);
    let script = parse("A+=$x B= C=~/z D=('a b' $q # c\n)");
    let command = &script.commands()[0];
    assert!(command.assignments[0].append && command.name().is_none());
    let literals: Vec<_> = command.assignments.iter().map(|each| each.value.literal.clone()).collect();
    assert_eq!(literals, [None, Some(String::new()), None, None]);
    assert!(script.variables_read().contains("q"));
    assert_eq!(parse("export A=(b c)").commands().len(), 1);
}

#[test]
fn quoting() {
    let script = parse("echo \"do not\" 'x' a\\ b $'c' e\"f\"'g' \"\\$h\\i\" '' #j");
    let expected =
        [Some("echo"), Some("do not"), Some("x"), Some("a b"), None, Some("efg"), Some("$h\\i"), Some("")];
    assert_eq!(words(&script, 0), expected);
    assert_eq!(comments(&script), ["#j"]);
    let script = parse("é ü && naïve # ö");
    assert_eq!(slices(&script), ["é ü", "naïve"]);
    assert_eq!(script.commands()[1].span, 9..15);
    let script = parse("rm *.x a? [ab] {a,b} {1..3} {} {x} ~/y a~ $z a#b \"*\" [ a.b");
    let expected = [
        Some("rm"),
        None,
        None,
        None,
        None,
        None,
        Some("{}"),
        Some("{x}"),
        None,
        Some("a~"),
        None,
        Some("a#b"),
        Some("*"),
        Some("["),
        Some("a.b"),
    ];
    assert_eq!(words(&script, 0), expected);
    assert_eq!(words(&parse("ab\\\ncd e\\\n"), 0), [Some("abcd"), Some("e")]);
    refused("echo 'a");
    refused("echo \"a");
    refused("echo $'a");
    refused("echo `a");
    refused("echo $(a");
    refused("echo ${a");
    refused("echo $((a)");
    refused("echo a\\");
}

#[test]
fn here_documents() {
    let text = "cat <<EOF > \"$f\" && a\n$b # no comment\n$(c)\nEOF\nd <<-'X'\n\t$no\n\tX\n# yes\ne";
    let script = parse(text);
    assert_eq!(slices(&script), ["cat <<EOF > \"$f\"", "a", "d <<-'X'", "e"]);
    assert!(script.has_here_document());
    assert_eq!(comments(&script), ["# yes"]);
    assert_eq!(script.here_documents().len(), 2);
    assert_eq!(&text[script.here_documents()[0].clone()], "$b # no comment\n$(c)\nEOF\n");
    assert!(script.variables_read().contains("b") && !script.variables_read().contains("no"));
    assert_eq!(script.substitution_commands().len(), 1);
    parse("cat <<A <<B; c\n1\nA\n2\nB\nd");
    parse("cat <<A | b\n1\nA");
    let script = parse("cat <<A\n$(x\n${y ${z}\nA\n");
    assert!(script.has_unknown_substitution() && script.variables_read().contains("z"));
    refused("cat <<A\nb");
    refused("cat <<A");
    assert!(!parse("cat <<< a").has_here_document());
}

#[test]
fn comment_spans() {
    let script = parse("# one\na # two\n\n  # three é\nb;# four\n(# five\nc)");
    assert_eq!(comments(&script), ["# one", "# two", "# three é", "# four", "# five"]);
    let script = parse("a && b # && c");
    assert_eq!(slices(&script), ["a", "b"]);
    assert_eq!(comments(&script), ["# && c"]);
    assert!(comments(&parse("echo a#b '# c' \"# d\" ${#e} $#")).is_empty());
    assert_eq!(comments(&parse("x $(a # b\nc)")), ["# b"]);
    refused("(a # b)");
}

#[test]
fn substitutions() {
    let script =
        parse("echo $(apt-get update) `b \\`c\\`` <(d; e) \"$(f \"$(g)\")\" ${h:-$(i)} $((1 + j + $(k)))");
    let names: Vec<_> =
        script.substitution_commands().iter().map(|each| each.words[0].clone().unwrap()).collect();
    let mut sorted = names.clone();
    sorted.sort();
    assert_eq!(sorted, ["apt-get", "b", "c", "d", "e", "f", "g", "i", "k"]);
    assert_eq!(script.commands().len(), 1);
    assert!(script.variables_read().contains("j"));
    assert!(!script.has_unknown_substitution());
    let script = parse("a `b (`");
    assert!(script.has_unknown_substitution());
    let script = parse("a \"${b[c]}\" ${#d} ${!e} ${f%%*} $@ $1");
    for name in ["b", "c", "d", "e", "f", "@", "1"] {
        assert!(script.variables_read().contains(name), "{name}");
    }
    parse("while read -r l; do a; done < <(b | c)");
}

#[test]
fn refusals() {
    for text in [
        "a &&",
        "&& a",
        "a | ",
        "a ;; b",
        "if a; then fi",
        "if a; fi",
        "()",
        "{ }",
        "a )",
        "a;;",
        "for do",
        "case a in b c esac",
        "a & && b",
        "! ",
        "fi",
        "a > ",
        "a |& b",
        "9999999999>x",
        "a\0b",
        "Write-Host ('a'); b",
        "a @(b)",
        "select x in y; do z; done",
    ] {
        refused(text);
    }
}

#[test]
fn nothing() {
    for text in ["", " ", "\n\n", "# a", "  # b\n"] {
        let script = parse(text);
        assert!(script.commands().is_empty() && script.lists().is_empty());
    }
    assert_eq!(parse("set -e; a").commands().len(), 2);
}

/// Whatever nests is refused in time, and in the stack of a test thread.
#[test]
fn deep() {
    let pairs = [
        ("(", ")"),
        ("{ ", "; }"),
        ("$(", ")"),
        ("\"$(", ")\""),
        ("${a:-", "}"),
        ("\"${a:-", "}\""),
        ("$((", "))"),
        ("if ", "; then :; fi"),
        ("if :; then ", "; fi"),
        ("while ", "; do :; done"),
        ("f() { ", "; }"),
        ("f() ", ""),
        ("for i in; do ", "; done"),
        ("case a in b) ", " ;; esac"),
        ("case a in b) ", "; esac"),
        ("a <(", ")"),
        ("a <(b <(", "))"),
        ("! ", ""),
        ("a | ", ""),
        ("a=(", ")"),
        ("((", "))"),
        ("( (", ") )"),
        ("`", "`"),
        ("function f ", ""),
        ("if :; then :; elif ", ""),
        ("[[ ", " ]]"),
        ("[[ ! ( ", " ) ]]"),
        ("a <<A\n", "\nA\n"),
        ("a `b \\`", "\\``"),
        ("( case a in b) ", "; esac; )"),
        ("time ", ""),
        ("coproc ", ""),
        ("$[", "]"),
    ];
    for (open, close) in pairs {
        for depth in [1, 4, 6, 12, 30, 39, 200, 3_000] {
            for middle in ["a", "a &&", "|&", "a b=(c) <(d) ;; e"] {
                let text = format!("{}{middle}{}", open.repeat(depth), close.repeat(depth));
                let start = std::time::Instant::now();
                let result = Script::parse(&text);
                assert!(start.elapsed().as_millis() < 1_000, "{open} {depth} {middle}");
                if let Ok(script) = result {
                    check(&script);
                }
            }
        }
    }
    for open in ["( ", "{ ", "$(", "if a; then ", "echo \"$("] {
        refused(&format!("{}a", open.repeat(10_000)));
    }
    refused(&format!("{}a{}", "(".repeat(300), ")".repeat(300)));
    parse("a && b; { c; (d; if e; then f \"$(g \"${h:-$(i)}\")\"; fi) }");
}

#[test]
fn token_soup() {
    const TOKENS: [&str; 64] = [
        "a",
        "b",
        " ",
        " ",
        " ",
        " ",
        ";",
        "&&",
        "||",
        "|",
        "&",
        "\n",
        "(",
        ")",
        "{ ",
        " }",
        "if ",
        "; then ",
        "; fi",
        "for x in y; do ",
        "; done",
        "case z in ",
        "esac",
        ";;",
        "*",
        "\"",
        "'",
        "$",
        "$(",
        "${",
        "}",
        "`",
        "\\",
        "#",
        "<",
        ">",
        "<<E\n",
        "\nE\n",
        "2>&1",
        "é",
        "漢",
        "X=",
        "=",
        "! ",
        "[[ ",
        " ]]",
        "((",
        "))",
        "$((",
        "~",
        "[",
        "]",
        ",",
        "..",
        "while ",
        "; do ",
        "\t",
        "\\\n",
        "f() ",
        "<(",
        "time ",
        "=~ ",
        "else ",
        "&>",
    ];
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut next = |bound: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % bound as u64).unwrap()
    };
    let mut accepted = 0;
    for _ in 0..20_000 {
        let length = next(24);
        let text: String = (0..length).map(|_| TOKENS[next(TOKENS.len())]).collect();
        match Script::parse(&text) {
            Ok(script) => {
                check(&script);
                accepted += 1;
            }
            Err(error) => assert!(error.offset <= text.len(), "{error}: {text:?}"),
        }
    }
    assert!(accepted > 1_000, "{accepted}");
}
