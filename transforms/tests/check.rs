//! The check against transforms that are wrong on purpose: whatever they break without a word is caught,
//! the step is dropped and the tree stays. And against right ones, which pass.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test")]

use dfix_syntax::Dockerfile;
use dfix_transforms::check::check;
use dfix_transforms::{
    Change, Effect, Finding, Findings, Options, Outcome, Plan, Proposal, Safety, Situation, Transform,
    plan_with,
};
use std::cell::RefCell;

/// A rewrite that a transform claims to be right.
#[derive(Clone, Default)]
struct Claim {
    before: String,
    after: String,
    effects: Vec<Effect>,
}

thread_local! {
    static CLAIM: RefCell<Claim> = RefCell::default();
}

/// Proposes the claim for the tree that it is about.
fn find(situation: Situation<'_>, findings: &mut Findings) {
    CLAIM.with_borrow(|claim| {
        if situation.tree.to_string() != claim.before {
            return;
        }
        let after = Dockerfile::parse(&claim.after).unwrap();
        findings.0.push(Finding::Propose(Proposal {
            line: 1,
            safety: Safety::Same,
            what: "a claim".to_owned(),
            evidence: Vec::new(),
            changes: vec![Change { range: 0..situation.tree.instructions.len(), with: after.instructions }],
            effects: claim.effects.clone(),
        }));
    });
}

const CLAIMS: &[Transform] = &[Transform { id: "claims", best: Safety::Same, manual: "", find }];

fn run(before: &str, after: &str, effects: &[Effect]) -> Plan {
    let claim = Claim { before: before.to_owned(), after: after.to_owned(), effects: effects.to_vec() };
    CLAIM.set(claim);
    plan_with(CLAIMS, &Dockerfile::parse(before).unwrap(), None, &Options::default())
}

/// The step is dropped, says `why`, and the tree stays.
#[track_caller]
fn caught(before: &str, after: &str, effects: &[Effect], why: &str) {
    let plan = run(before, after, effects);
    let outcomes: Vec<Outcome> = plan.steps.iter().map(|step| step.outcome).collect();
    assert_eq!(outcomes, [Outcome::Dropped], "from\n{before}\nto\n{after}");
    let message = &plan.steps[0].message;
    assert!(message.contains(why), "expected {why:?} in {message:?}");
    assert_eq!(plan.result.to_string(), before);
    assert!(!plan.changes());
}

/// The step is made.
#[track_caller]
fn passes(before: &str, after: &str, effects: &[Effect]) {
    let plan = run(before, after, effects);
    let steps: Vec<String> = plan.steps.iter().map(|s| format!("{:?}: {}", s.outcome, s.message)).collect();
    assert_eq!(steps, ["Applied: a claim"], "from\n{before}\nto\n{after}");
    assert_eq!(plan.result.to_string(), after);
}

fn rewritten(from: &str, to: &str) -> Effect {
    Effect::Rewritten { from: from.to_owned(), to: to.to_owned() }
}

fn added(text: &str) -> Effect {
    Effect::Added(text.to_owned())
}

fn removed(text: &str) -> Effect {
    Effect::Removed(text.to_owned())
}

fn moved(text: &str) -> Effect {
    Effect::Moved(text.to_owned())
}

fn repeated(text: &str) -> Effect {
    Effect::Repeated(text.to_owned())
}

fn base(from: &str, to: &str) -> Effect {
    Effect::Base { from: from.to_owned(), to: to.to_owned() }
}

fn split(stage: usize, into: usize) -> Effect {
    Effect::Split { stage, into }
}

#[test]
fn a_lost_comment() {
    let why = "a comment is lost: # why";
    caught("FROM a\n# why\nRUN b\n", "FROM a\nRUN b\n", &[], why);
    caught("# why\nFROM a\nRUN b\n", "FROM a\nRUN b\n", &[], why);
    caught("FROM a\nRUN b && \\\n  # why\n  c\n", "FROM a\nRUN b && \\\n  c\n", &[], why);
    caught("FROM a\nRUN b # why\n", "FROM a\nRUN b\n", &[], why);
    caught("FROM a\nRUN <<EOF\n# why\nb\nEOF\n", "FROM a\nRUN <<EOF\nb\nEOF\n", &[], why);
    caught("FROM a\n# why\nRUN b\n", "FROM a\n# what\nRUN b\n", &[], why);
    // One of two that read the same.
    caught("FROM a\n# why\nRUN b\n# why\nRUN c\n", "FROM a\nRUN b\n# why\nRUN c\n", &[], why);
}

#[test]
fn a_lost_comment_behind_the_last_instruction() {
    let mut after = Dockerfile::parse("FROM a\nRUN b\n# why\n").unwrap();
    let before = after.clone();
    assert_eq!(check(&before, &after, &[]), Ok(()));
    after.trailer.clear();
    let problems = check(&before, &after, &[]).unwrap_err();
    assert!(problems.contains(&"a comment is lost: # why".to_owned()), "{problems:?}");
}

#[test]
fn a_new_comment() {
    caught("FROM a\nRUN b\n", "FROM a\n# by the tool\nRUN b\n", &[], "a comment is new: # by the tool");
}

#[test]
fn a_lost_command() {
    caught("FROM a\nRUN b\nRUN c\n", "FROM a\nRUN b\n", &[], "lost: c");
    caught("FROM a\nRUN b && c && d\n", "FROM a\nRUN b && d\n", &[], "lost: c");
    caught("FROM a\nRUN b && # install \\\n    c\n", "FROM a\nRUN b\n", &[], "lost");
    caught("FROM a\nRUN [\"b\", \"c\"]\nRUN d\n", "FROM a\nRUN d\n", &[], "lost: RUN [\"b\", \"c\"]");
    caught("FROM a\nCOPY b c\nRUN d\n", "FROM a\nRUN d\n", &[], "lost: COPY b c");
    caught("FROM a\nONBUILD RUN npm i\n", "FROM a\nRUN npm i\n", &[], "lost: ONBUILD RUN npm i");
    caught("FROM a\nRUN cd /tmp; touch b\n", "FROM a\nWORKDIR /tmp\n", &[], "lost: cd /tmp");
    // One of two that read the same.
    caught("FROM a\nRUN b\nRUN c\nRUN b\n", "FROM a\nRUN b\nRUN c\n", &[], "lost: b");
}

#[test]
fn a_command_that_runs_otherwise() {
    let why = "other circumstances";
    caught("FROM a\nRUN b && c\n", "FROM a\nRUN b; c\n", &[], why);
    caught("FROM a\nRUN b\nRUN c\n", "FROM a\nRUN b || c\n", &[], why);
    caught("FROM a\nRUN b\nRUN c\n", "FROM a\nRUN b | c\n", &[], why);
    caught("FROM a\nRUN b\nRUN c || d\n", "FROM a\nRUN b && c || d\n", &[], why);
    caught("FROM a\nRUN b && (c)\n", "FROM a\nRUN b && (c) > /d\n", &[], "");
    caught("FROM a\nRUN b\nRUN c\n", "FROM a\nRUN b & c\n", &[], why);
    caught("FROM a\nRUN cd /x\nRUN c\n", "FROM a\nRUN cd /x && c\n", &[], why);
    caught("FROM a\nRUN umask 077\nRUN c\n", "FROM a\nRUN umask 077 && c\n", &[], why);
    caught("FROM a\nRUN export A=1\nRUN c\n", "FROM a\nRUN export A=1 && c\n", &[], why);
    caught("FROM a\nRUN set +e\nRUN c\n", "FROM a\nRUN set +e && c\n", &[], why);
    caught("FROM a\nRUN if b; then c; fi\n", "FROM a\nRUN if ! b; then c; fi\n", &[], why);
    caught("FROM a\nRUN --mount=type=cache,target=/x b\n", "FROM a\nRUN b\n", &[], why);
    caught("FROM a\nRUN --network=none b\n", "FROM a\nRUN --network=host b\n", &[], why);
}

#[test]
fn a_changed_instruction_of_the_configuration() {
    for (from, to) in [
        ("USER app", "USER root"),
        ("ENV A=1", "ENV A=2"),
        ("ENV A=1 B=$A", "ENV A=1"),
        ("ENV A b  c", "ENV A b c"),
        ("ENV A b c", "ENV A=b c=d"),
        ("WORKDIR /b", "WORKDIR /c"),
        ("CMD [\"b\"]", "CMD b"),
        ("CMD b", "CMD c"),
        ("ENTRYPOINT [\"b\"]", "ENTRYPOINT [\"b\", \"c\"]"),
        ("EXPOSE 80", "EXPOSE 8080"),
        ("EXPOSE 80", "EXPOSE 80/udp"),
        ("VOLUME /b", "VOLUME /c"),
        ("VOLUME /b", "VOLUME [\"/b\", \"/c\"]"),
        ("HEALTHCHECK CMD b", "HEALTHCHECK NONE"),
        ("HEALTHCHECK --interval=5s CMD b", "HEALTHCHECK CMD b"),
        ("STOPSIGNAL SIGTERM", "STOPSIGNAL SIGINT"),
        ("SHELL [\"/bin/bash\", \"-c\"]", "SHELL [\"/bin/sh\", \"-c\"]"),
        ("ONBUILD RUN b", "ONBUILD RUN c"),
        ("LABEL b=c", "LABEL b=d"),
        ("LABEL b=\"c  d\"", "LABEL b=\"c d\""),
        ("MAINTAINER b", "MAINTAINER c"),
    ] {
        let (before, after) = (format!("FROM a\n{from}\nCMD x\n"), format!("FROM a\n{to}\nCMD x\n"));
        caught(&before, &after, &[], &format!("lost: {from}"));
        caught(&before, "FROM a\nCMD x\n", &[], &format!("lost: {from}"));
        let why = "can't be removed";
        caught(&before, "FROM a\nCMD x\n", &[removed(from)], why);
    }
}

#[test]
fn configuration_of_another_kind_instead() {
    let why = "USER app became ENV A=1";
    caught("FROM a\nUSER app\n", "FROM a\nENV A=1\n", &[rewritten("USER app", "ENV A=1")], why);
    let why = "CMD b can't be added";
    caught("FROM a\nRUN x\n", "FROM a\nRUN x\nCMD b\n", &[added("CMD b")], why);
    let why = "the last stage starts in /c, not in /";
    let before = "FROM debian:12\nCMD ./x\n";
    caught(before, "FROM debian:12\nWORKDIR /c\nCMD ./x\n", &[added("WORKDIR /c")], why);
}

#[test]
fn a_command_under_another_user() {
    let why = "other circumstances: b";
    caught("FROM a\nUSER app\nRUN b\nUSER app\n", "FROM a\nRUN b\nUSER app\n", &[removed("USER app")], why);
    caught("FROM a\nUSER app\nRUN b\n", "FROM a\nRUN b\nUSER app\n", &[moved("b")], why);
    caught("FROM a\nUSER app\nRUN b\n", "FROM a\nRUN b\nUSER app\n", &[moved("USER app")], why);
}

#[test]
fn a_changed_copy() {
    caught("FROM a\nCOPY b c\n", "FROM a\nCOPY b d\n", &[], "lost: COPY b c");
    caught("FROM a\nCOPY --chown=x b c\n", "FROM a\nCOPY b c\n", &[], "lost: COPY --chown=x b c");
    caught("FROM a\nADD https://b/c d\n", "FROM a\nCOPY https://b/c d\n", &[], "lost: ADD");
    // A relative destination depends on the folder.
    let why = "other circumstances: COPY b c";
    caught("FROM a\nWORKDIR /x\nCOPY b c\n", "FROM a\nCOPY b c\nWORKDIR /x\n", &[moved("COPY b c")], why);
}

#[test]
fn a_changed_here_document() {
    let (from, to) = ("FROM a\nCOPY <<EOF /b\nc\nEOF\n", "FROM a\nCOPY <<EOF /b\nd\nEOF\n");
    caught(from, to, &[], "lost: COPY <<EOF /b");
    let (from, to) = ("FROM a\nRUN <<EOF\nb\nc\nEOF\n", "FROM a\nRUN <<EOF\nb\nEOF\n");
    caught(from, to, &[], "lost: c");
    // White space means something in the text for a command.
    let (from, to) = (
        "FROM a\nRUN cat <<EOF > /b.py\nif c:\n  d\nEOF\n",
        "FROM a\nRUN cat <<EOF > /b.py\nif c:\nd\nEOF\n",
    );
    caught(from, to, &[], "other circumstances");
    let (from, to) =
        ("FROM a\nRUN <<EOF python3\nif b:\n  c\nEOF\n", "FROM a\nRUN <<EOF python3\nif b:\nc\nEOF\n");
    caught(from, to, &[], "");
    let (from, to) = ("FROM a\nCOPY <<EOF /b\n$C\nEOF\n", "FROM a\nCOPY <<'EOF' /b\n$C\nEOF\n");
    caught(from, to, &[], "lost");
}

#[test]
fn a_lost_arg() {
    caught("ARG V=1\nFROM a:$V\n", "FROM a:$V\n", &[], "lost: ARG V=1");
    caught("FROM a\nARG V\nRUN b $V\n", "FROM a\nRUN b $V\n", &[], "lost: ARG V");
    caught("ARG V=1\nFROM a:$V\n", "ARG V=2\nFROM a:$V\n", &[], "lost: ARG V=1");
    let why = "other circumstances: b $V";
    caught("FROM a\nARG V\nRUN b $V\n", "FROM a\nRUN b $V\n", &[removed("ARG V")], why);
    let (before, after) = ("ARG V=1\nARG W=a:$V\nFROM $W\n", "ARG W=a:$V\nARG V=1\nFROM $W\n");
    caught(before, after, &[moved("ARG V=1")], "other circumstances: ARG W=a:$V");
}

#[test]
fn a_changed_from() {
    caught("FROM a\nRUN b\n", "FROM c\nRUN b\n", &[], "the base a became c");
    let (before, after) = ("FROM --platform=linux/amd64 a AS b\nRUN c\n", "FROM a AS b\nRUN c\n");
    caught(before, after, &[], "has other flags");
    caught("FROM a AS b\nRUN c\n", "FROM a\nRUN c\n", &[], "the stage \"b\" has no name");
    caught("FROM a AS b\nRUN c\n", "FROM a AS d\nRUN c\n", &[], "the stage \"b\" is called \"d\"");
    caught("FROM a\nRUN b\n", "FROM a\nRUN b\n", &[base("a", "c")], "declared, but not so: another base");
    let after = "FROM ${REG}/node:${V}\nRUN b\n";
    caught("ARG REG\nARG V\nFROM ${REG}/node:${V}\nRUN b\n", after, &[], "lost: ARG REG");
}

#[test]
fn lost_directives() {
    let why = "reads differently";
    caught("# syntax=docker/dockerfile:1\nFROM a\nRUN b\n", "FROM a\nRUN b\n", &[], why);
    caught("# escape=`\nFROM a\nRUN b\n", "FROM a\nRUN b\n", &[], why);
    caught("# check=skip=all\nFROM a\nRUN b\n", "# x\n# check=skip=all\nFROM a\nRUN b\n", &[], why);
    caught("FROM a\nRUN b\n", "# syntax=docker/dockerfile:1\nFROM a\nRUN b\n", &[], why);
}

#[test]
fn mixed_line_ends() {
    let why = "line ends differ";
    caught("FROM a\r\nRUN b\r\nRUN c\r\n", "FROM a\r\nRUN b && \\\n    c\r\n", &[], why);
    caught("FROM a\nRUN b\nRUN c\n", "FROM a\nRUN b && \\\r\n    c\n", &[], why);
}

#[test]
fn a_source_that_hangs_in_the_air() {
    let before = "FROM a AS b\nRUN c\nFROM d\nCOPY --from=b /x /x\n";
    let after = "FROM a AS b\nRUN c\nFROM d\nCOPY --from=e /x /x\n";
    let effects = [rewritten("COPY --from=b /x /x", "COPY --from=e /x /x")];
    caught(before, after, &effects, "from another place");
    let after = "FROM a AS b\nRUN c\nFROM d\nCOPY --from=b /x /x\nCOPY --from=e /y /y\n";
    caught(before, after, &[added("COPY --from=e /y /y")], "`from=e` names no stage");
    // The name goes, the reference stays.
    let after = "FROM a\nRUN c\nFROM d\nCOPY --from=b /x /x\n";
    caught(before, after, &[], "has no name");
}

#[test]
fn a_source_that_means_another_stage() {
    let before = "FROM a\nRUN x\nFROM b\nRUN y\nFROM c\nCOPY --from=1 /x /x\n";
    // The first stage becomes two: the numbers move.
    let after = "FROM a AS builder\nRUN x\nFROM a\nCOPY --from=builder /x /x\nFROM b\nRUN y\nFROM c\nCOPY --from=1 /x /x\n";
    let effects = [split(0, 2), added("COPY --from=builder /x /x")];
    caught(before, after, &effects, "other circumstances: COPY --from=1 /x /x");
    let after = after.replace("--from=1", "--from=2");
    caught(before, &after, &effects, "COPY --from=2 /x /x");
    let renumbered = rewritten("COPY --from=1 /x /x", "COPY --from=2 /x /x");
    let [first, second] = effects;
    passes(before, &after, &[first, second, renumbered]);
    // Number 0 is the builder now, not what the stage made.
    let before = "FROM a\nRUN x\nFROM c\nCOPY --from=0 /x /x\n";
    let after = "FROM a AS builder\nRUN x\nFROM a\nCOPY --from=builder /x /x\nFROM c\nCOPY --from=0 /x /x\n";
    let effects = [split(0, 2), added("COPY --from=builder /x /x")];
    caught(before, after, &effects, "other circumstances: COPY --from=0 /x /x");
    // A mount, too.
    let before = "FROM a AS b\nRUN x\nFROM c AS d\nRUN y\nFROM e\nRUN --mount=from=b,target=/b z\n";
    let after = before.replace("from=b", "from=d");
    caught(before, &after, &[], "other circumstances: z");
    // Two that change places.
    let before = "FROM a AS b\nRUN x\nFROM c AS d\nRUN y\nFROM e\nCOPY --from=b /x /x\nCOPY --from=d /y /y\n";
    let after = "FROM a AS b\nRUN x\nFROM c AS d\nRUN y\nFROM e\nCOPY --from=d /x /x\nCOPY --from=b /y /y\n";
    let effects = [
        rewritten("COPY --from=b /x /x", "COPY --from=d /x /x"),
        rewritten("COPY --from=d /y /y", "COPY --from=b /y /y"),
    ];
    caught(before, after, &effects, "from another place");
}

#[test]
fn an_image_that_is_a_stage_now() {
    let before = "FROM a\nRUN x\nCOPY --from=nginx /y /y\n";
    let after = "FROM a AS nginx\nRUN x\nFROM a\nCOPY --from=nginx /x /x\nCOPY --from=nginx /y /y\n";
    let effects = [split(0, 2), added("COPY --from=nginx /x /x")];
    caught(before, after, &effects, "other circumstances: COPY --from=nginx /y /y");
    let before = "FROM a\nRUN x\nFROM builder\nRUN y\n";
    let after = "FROM a AS builder\nRUN x\nFROM a\nCOPY --from=builder /x /x\nFROM builder\nRUN y\n";
    let effects = [split(0, 2), added("COPY --from=builder /x /x")];
    caught(before, after, &effects, "FROM builder means something else");
}

#[test]
fn a_command_without_the_cd_it_needs() {
    let why = "other circumstances: make";
    caught("FROM a\nRUN cd /b && make\n", "FROM a\nRUN make && cd /b\n", &[moved("make")], why);
    caught(
        "FROM a\nRUN x\nRUN cd /b && make\n",
        "FROM a\nRUN make\nRUN x\nRUN cd /b\n",
        &[moved("make")],
        why,
    );
}

#[test]
fn a_command_moved_across_what_it_depends_on() {
    let why = "other circumstances: b";
    caught("FROM a\nWORKDIR /x\nRUN b\n", "FROM a\nRUN b\nWORKDIR /x\n", &[moved("b")], why);
    caught("FROM a\nENV A=1\nRUN b\n", "FROM a\nRUN b\nENV A=1\n", &[moved("b")], why);
    caught("FROM a\nARG A=1\nRUN b\n", "FROM a\nRUN b\nARG A=1\n", &[moved("b")], why);
    caught("FROM a\nARG A=1\nRUN b $A\n", "FROM a\nRUN b $A\nARG A=1\n", &[moved("ARG A=1")], why);
    let (before, after) =
        ("FROM a\nSHELL [\"bash\", \"-c\"]\nRUN b\n", "FROM a\nRUN b\nSHELL [\"bash\", \"-c\"]\n");
    caught(before, after, &[moved("b")], why);
    caught(before, after, &[moved("SHELL [\"bash\", \"-c\"]")], why);
    let (before, after) =
        ("FROM a\nSHELL [\"bash\", \"-c\"]\nCMD b\n", "FROM a\nCMD b\nSHELL [\"bash\", \"-c\"]\n");
    caught(before, after, &[moved("CMD b")], "other circumstances: CMD b");
    let why = "other circumstances: COPY --chown=$U b c";
    let (before, after) =
        ("FROM a\nARG U=1\nCOPY --chown=$U b c\n", "FROM a\nCOPY --chown=$U b c\nARG U=1\n");
    caught(before, after, &[moved("ARG U=1")], why);
    // What an install sees although it doesn't name it.
    let before = "FROM a\nRUN npm install\nENV NODE_ENV=production\n";
    let after = "FROM a\nENV NODE_ENV=production\nRUN npm install\n";
    caught(before, after, &[moved("ENV NODE_ENV=production")], "other circumstances: npm install");
}

#[test]
fn a_label_moved_over_another_of_its_name() {
    let before = "FROM a\nLABEL b=1\nRUN c\nLABEL d=1\nLABEL b=2\n";
    let after = "FROM a\nRUN c\nLABEL d=1\nLABEL b=1\nLABEL b=2\n";
    passes(before, after, &[moved("LABEL b=1")]);
    let after = "FROM a\nRUN c\nLABEL d=1\nLABEL b=2\nLABEL b=1\n";
    caught(before, after, &[moved("LABEL b=1")], "a label of the last stage differs");
}

#[test]
fn a_variable_that_no_named_command_reads_may_move_down() {
    let before = "FROM a\nARG GIT_SHA\nRUN b\n";
    passes(before, "FROM a\nRUN b\nARG GIT_SHA\n", &[moved("ARG GIT_SHA")]);
}

#[test]
fn variables_merged_so_that_one_is_empty() {
    let effects = [rewritten("ENV A=1", "ENV A=1 B=$A"), removed("ENV B=$A")];
    caught("FROM a\nENV A=1\nENV B=$A\n", "FROM a\nENV A=1 B=$A\n", &effects, "can't be removed");
}

#[test]
fn an_effect_that_is_not_so() {
    let file = "FROM a\nRUN b\nRUN c\n";
    let changed = "FROM a\nRUN b --flag\nRUN c\n";
    let so = rewritten("b", "b --flag");
    let why = "declared, but not so";
    caught(file, changed, &[so.clone(), added("d")], why);
    caught(file, changed, &[so.clone(), removed("d")], why);
    caught(file, changed, &[so.clone(), moved("c")], why);
    caught(file, changed, &[so.clone(), repeated("c")], why);
    caught(file, changed, &[so.clone(), rewritten("c", "c --flag")], why);
    caught(file, changed, &[so.clone(), base("a", "d")], why);
    caught(file, changed, &[so.clone(), split(1, 2)], why);
    caught(file, changed, &[so.clone(), so.clone()], why);
    caught(file, changed, &[so, Effect::CommentMoved("# x".to_owned())], "a comment is lost: # x");
}

#[test]
fn an_effect_on_another_command() {
    caught(
        "FROM a\nRUN b\nRUN c\n",
        "FROM a\nRUN b --flag\nRUN c\n",
        &[rewritten("c", "c --flag")],
        "lost: b",
    );
    caught("FROM a\nRUN b\nRUN c\n", "FROM a\nRUN c\n", &[removed("c")], "lost: b");
    caught("FROM a\nRUN b\nRUN c\n", "FROM a\nRUN b\nRUN c\nRUN d\n", &[added("e")], "is new: d");
}

#[test]
fn commands_that_read_the_same_are_told_apart() {
    // Which of two was changed is seen by where it stands.
    let rm = "rm -rf /var/lib/apt/lists/*";
    passes(
        &format!("FROM a\nRUN apt-get install -y b && {rm}\nRUN apt-get install -y c\n"),
        &format!("FROM a\nRUN apt-get install -y b && {rm}\nRUN apt-get install -y c && {rm}\n"),
        &[added(rm)],
    );
    passes(
        &format!("FROM a\nRUN apt-get install -y b\nRUN apt-get install -y c && {rm}\n"),
        &format!("FROM a\nRUN apt-get install -y b && {rm}\nRUN apt-get install -y c && {rm}\n"),
        &[added(rm)],
    );
    passes(
        "FROM a AS b\nRUN pip install c\nFROM d\nRUN pip install c\n",
        "FROM a AS b\nRUN pip install c\nFROM d\nRUN pip install --no-cache-dir c\n",
        &[rewritten("pip install c", "pip install --no-cache-dir c")],
    );
    passes(
        "FROM a AS b\nRUN apk update\nRUN c\nFROM d\nRUN apk update\nRUN e\n",
        "FROM a AS b\nRUN apk update\nRUN c\nFROM d\nRUN e\n",
        &[removed("apk update")],
    );
    passes(
        "FROM a\nRUN apk update\nRUN c\nRUN apk update\nRUN e\n",
        "FROM a\nRUN c\nRUN apk update\nRUN e\n",
        &[removed("apk update")],
    );
}

const SINGLE: &str = "\
FROM python:3.11
ENV PYTHONUNBUFFERED=1
WORKDIR /app
COPY requirements.txt .
RUN pip install -r requirements.txt
COPY . .
EXPOSE 80
CMD [\"python\", \"app.py\"]
";

const SPLIT: &str = "\
FROM python:3.11 AS builder
ENV PYTHONUNBUFFERED=1
WORKDIR /app
RUN python -m venv /opt/venv
ENV PATH=/opt/venv/bin:$PATH
COPY requirements.txt .
RUN pip install -r requirements.txt

FROM python:3.11-slim
ENV PYTHONUNBUFFERED=1
WORKDIR /app
COPY --from=builder /opt/venv /opt/venv
ENV PATH=/opt/venv/bin:$PATH
COPY . .
EXPOSE 80
CMD [\"python\", \"app.py\"]
";

fn split_effects() -> Vec<Effect> {
    vec![
        split(0, 2),
        base("python:3.11", "python:3.11-slim"),
        added("python -m venv /opt/venv"),
        added("ENV PATH=/opt/venv/bin:$PATH"),
        added("ENV PATH=/opt/venv/bin:$PATH"),
        added("COPY --from=builder /opt/venv /opt/venv"),
        repeated("ENV PYTHONUNBUFFERED=1"),
        repeated("WORKDIR /app"),
    ]
}

#[test]
fn a_declared_split_passes() {
    passes(SINGLE, SPLIT, &split_effects());
    // What only a running program reads may be in the last stage alone.
    let after = SPLIT.replacen("ENV PYTHONUNBUFFERED=1\n", "", 1);
    let effects: Vec<Effect> =
        split_effects().into_iter().filter(|e| *e != repeated("ENV PYTHONUNBUFFERED=1")).collect();
    passes(SINGLE, &after, &effects);
}

#[test]
fn a_split_without_a_word() {
    let effects: Vec<Effect> = split_effects().into_iter().skip(1).collect();
    caught(SINGLE, SPLIT, &effects, "1 stages became 2");
    let effects: Vec<Effect> =
        split_effects().into_iter().filter(|e| !matches!(e, Effect::Base { .. })).collect();
    caught(SINGLE, SPLIT, &effects, "the base python:3.11 became python:3.11-slim");
    caught("FROM a\nFROM b\nRUN c\n", "FROM b\nRUN c\n", &[split(0, 0)], "a stage can't become none");
}

/// The split with a mistake in it.
#[track_caller]
fn bad_split(from: &str, to: &str, change: impl Fn(&mut Vec<Effect>), why: &str) {
    assert!(SPLIT.contains(from), "{from}");
    let mut effects = split_effects();
    change(&mut effects);
    caught(SINGLE, &SPLIT.replace(from, to), &effects, why);
}

#[test]
fn a_split_that_loses_something() {
    let same = |_: &mut Vec<Effect>| {};
    bad_split("EXPOSE 80\n", "", same, "lost: EXPOSE 80");
    bad_split("COPY . .\n", "", same, "lost: COPY . .");
    bad_split("COPY requirements.txt .\n", "", same, "lost: COPY requirements.txt .");
    // The command runs in neither stage; the configuration ends in the builder.
    bad_split("RUN pip install -r requirements.txt\n", "", same, "lost: pip install");
    bad_split(
        "slim\nENV PYTHONUNBUFFERED=1\n",
        "slim\n",
        |e| e.retain(|e| *e != repeated("ENV PYTHONUNBUFFERED=1")),
        "lost in the last stage: ENV PYTHONUNBUFFERED=1",
    );
    bad_split(
        "slim\nENV PYTHONUNBUFFERED=1\nWORKDIR /app\n",
        "slim\nENV PYTHONUNBUFFERED=1\n",
        |e| e.retain(|e| *e != repeated("WORKDIR /app")),
        "lost in the last stage: WORKDIR /app",
    );
    bad_split("EXPOSE 80\nCMD", "CMD", |e| e.push(removed("EXPOSE 80")), "can't be removed");
    // Twice, without a word.
    bad_split("EXPOSE 80\n", "EXPOSE 80\nEXPOSE 80\n", same, "EXPOSE 80");
    bad_split("COPY --from=builder", "COPY . .\nCOPY --from=builder", same, "COPY . .");
    // The order of what is the same in both.
    bad_split(
        "EXPOSE 80\nCMD [\"python\", \"app.py\"]\n",
        "CMD [\"python\", \"app.py\"]\nEXPOSE 80\n",
        same,
        "stands elsewhere: CMD",
    );
}

#[test]
fn a_split_whose_stages_do_not_fit() {
    let same = |_: &mut Vec<Effect>| {};
    let copy = "COPY --from=builder /opt/venv /opt/venv";
    let replace = |to: &'static str| {
        move |e: &mut Vec<Effect>| {
            e.retain(|effect| *effect != added(copy));
            e.push(added(to));
        }
    };
    // Nothing comes out of the builder.
    bad_split(
        "COPY --from=builder /opt/venv /opt/venv\n",
        "",
        |e| e.retain(|e| *e != added(copy)),
        "nothing is taken from stage builder",
    );
    // A path that nobody made.
    let wrong = "COPY --from=builder /opt/env /opt/venv";
    bad_split(copy, wrong, replace(wrong), "nothing in stage builder makes /opt/env");
    // An environment knows its own path.
    let wrong = "COPY --from=builder /opt/venv /srv/venv";
    bad_split(copy, wrong, replace(wrong), "works only at /opt/venv");
    bad_split(
        "--from=builder",
        "--from=base",
        |e| {
            e.retain(|e| *e != added(copy));
            e.push(added("COPY --from=base /opt/venv /opt/venv"));
        },
        "`from=base` names no stage",
    );
    bad_split(" AS builder", "", same, "`from=builder` names no stage");
}

#[test]
fn a_split_that_leaves_the_user_behind() {
    let before = "FROM a\nRUN useradd app\nRUN make\nUSER app\nCMD b\n";
    let after = "FROM a AS builder\nRUN useradd app\nRUN make\n\nFROM a\nCOPY --from=builder /usr/b /usr/b\nUSER app\nCMD b\n";
    let effects = [split(0, 2), added("COPY --from=builder /usr/b /usr/b")];
    caught(before, after, &effects, "user app is not made in the last stage");
    let after = after.replace("FROM a\nCOPY", "FROM a\nRUN useradd app\nCOPY");
    let [first, second] = effects;
    passes(before, &after, &[first, second, repeated("useradd app")]);
}

#[test]
fn a_builder_without_a_variable() {
    let before = "FROM a\nENV NEXT_PUBLIC_API=/b\nRUN npm run build\nCMD b\n";
    let after = "FROM a AS builder\nRUN npm run build\n\nFROM a\nENV NEXT_PUBLIC_API=/b\nCOPY --from=builder /usr/b /usr/b\nCMD b\n";
    let effects = [split(0, 2), added("COPY --from=builder /usr/b /usr/b")];
    caught(before, after, &effects, "other circumstances: npm run build");
}

#[test]
fn a_stage_name_taken_twice() {
    let before = "FROM a AS builder\nRUN x\nFROM b\nRUN y\nCOPY --from=builder /x /x\n";
    let after = "FROM a AS builder\nRUN x\nFROM b AS Builder\nRUN y\nFROM b\nCOPY --from=1 /usr/y /usr/y\nCOPY --from=0 /x /x\n";
    let effects = [
        split(1, 2),
        added("COPY --from=1 /usr/y /usr/y"),
        rewritten("COPY --from=builder /x /x", "COPY --from=0 /x /x"),
    ];
    caught(before, after, &effects, "two stages are called builder");
}

#[test]
fn right_transforms_pass() {
    passes("FROM a\nRUN b\nRUN c\n", "FROM a\nRUN b && \\\n    c\n", &[]);
    passes("FROM a\n# why\nRUN b\nRUN c\n", "FROM a\n# why\nRUN b && c\n", &[]);
    passes("FROM a\nRUN b\nRUN c | d\nRUN ! e\n", "FROM a\nRUN b && c | d && ! e\n", &[]);
    passes("FROM a\nRUN if b; then c; fi\nRUN d\n", "FROM a\nRUN if b; then c; fi && d\n", &[]);
    // A subshell keeps what the RUN had for itself.
    passes("FROM a\nRUN b\nRUN cd /x; c\n", "FROM a\nRUN b && (cd /x; c)\n", &[]);
    passes("FROM a\nRUN cd /x && c\nRUN b\n", "FROM a\nRUN (cd /x && c) && b\n", &[]);
    passes("FROM a\nRUN b\n", "FROM a-slim\nRUN b\n", &[base("a", "a-slim")]);
    passes(
        "FROM python:3.11\nWORKDIR /app\nCOPY . .\nRUN pip install -r requirements.txt\n",
        "FROM python:3.11\nWORKDIR /app\nCOPY requirements.txt .\nRUN pip install -r requirements.txt\nCOPY . .\n",
        &[added("COPY requirements.txt ."), moved("COPY . .")],
    );
    passes(
        "FROM a\nCOPY . /b\nRUN apt-get install c\n",
        "FROM a\nRUN apt-get install c\nCOPY . /b\n",
        &[moved("apt-get install c")],
    );
    passes(
        "FROM a\nRUN apk update && apk add b\n",
        "FROM a\nRUN apk add --no-cache b\n",
        &[removed("apk update"), rewritten("apk add b", "apk add --no-cache b")],
    );
    // Which of two stood still is a matter of how one looks at it.
    passes(
        "FROM a\nCOPY . .\nRUN b\n",
        "FROM a\nCOPY c .\nRUN b --x\nCOPY . .\nRUN b\n",
        &[added("COPY c ."), added("b --x"), moved("COPY . .")],
    );
    let comment = Effect::CommentMoved("# web".to_owned());
    passes(
        "FROM a\nEXPOSE 80 # web\n",
        "FROM a\n# web\nEXPOSE 80\n",
        &[comment, rewritten("EXPOSE 80 # web", "EXPOSE 80")],
    );
}

#[test]
fn a_mistake_takes_only_its_own_step_down() {
    fn find(situation: Situation<'_>, findings: &mut Findings) {
        for (at, instruction) in situation.tree.instructions.iter().enumerate() {
            let text = instruction.text();
            if !text.starts_with("RUN b") || text.contains("--flag") {
                continue;
            }
            let number: usize = text.trim_start_matches("RUN b").trim().parse().unwrap();
            let new = text.replace("RUN b", "RUN b --flag ");
            let new = if number % 7 == 3 { "RUN gone\n".to_owned() } else { new };
            findings.propose(Proposal {
                line: at + 1,
                safety: Safety::Same,
                what: format!("flag {number}"),
                evidence: Vec::new(),
                changes: vec![Change::replace(at, dfix_syntax::Instruction::parse(&new, '\\').unwrap())],
                effects: vec![rewritten(&format!("b {number}"), &format!("b --flag {number}"))],
            });
        }
    }
    let transforms = [Transform { id: "flags", best: Safety::Same, manual: "", find }];
    let text: String =
        std::iter::once("FROM a\n".to_owned()).chain((0..50).map(|n| format!("RUN b {n}\n"))).collect();
    let plan = plan_with(&transforms, &Dockerfile::parse(&text).unwrap(), None, &Options::default());
    assert_eq!(plan.with_outcome(Outcome::Dropped).count(), 7);
    assert_eq!(plan.with_outcome(Outcome::Applied).count(), 43);
    assert!(!plan.result.to_string().contains("gone"));
}

#[test]
fn a_mistake_does_not_keep_a_right_step_out() {
    fn find(situation: Situation<'_>, findings: &mut Findings) {
        if situation.tree.instructions[1].text() != "RUN b\n" {
            return;
        }
        for new in ["RUN gone\n", "RUN b --flag\n", "RUN b --other\n"] {
            findings.propose(Proposal {
                line: 2,
                safety: Safety::Same,
                what: new.to_owned(),
                evidence: Vec::new(),
                changes: vec![Change::replace(1, dfix_syntax::Instruction::parse(new, '\\').unwrap())],
                effects: vec![rewritten("b", "b --flag")],
            });
        }
    }
    let transforms = [Transform { id: "flags", best: Safety::Same, manual: "", find }];
    let tree = Dockerfile::parse("FROM a\nRUN b\nUSER c\n").unwrap();
    let plan = plan_with(&transforms, &tree, None, &Options::default());
    assert_eq!(plan.result.to_string(), "FROM a\nRUN b --flag\nUSER c\n");
    assert_eq!(plan.with_outcome(Outcome::Dropped).count(), 1);
    assert_eq!(plan.with_outcome(Outcome::Applied).count(), 1);
}
