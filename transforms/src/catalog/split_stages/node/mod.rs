//! Node: what builds stays in a stage of its own; what runs is copied.

mod form;
mod parts;

use super::Split;
use super::draft::Draft;
use crate::catalog::production_dependencies::node as production;
use crate::facts::{Variant, package_commands};
use crate::knowledge::version_matches;
use crate::plan::{Proposal, Safety, Situation};
use crate::project::node::Package;
use crate::project::placement::folder_of;
use dfix_syntax::Keyword;
use form::Form;
use parts::{Part, Parts};

/// What is known of the application.
#[derive(Clone, Copy)]
pub(super) struct Application<'a> {
    pub situation: Situation<'a>,
    pub package: &'a Package,
    /// The folder of the image that holds it.
    pub folder: &'a str,
    /// The folder of the context that it comes from.
    pub place: &'a str,
    /// The index of the RUN that installs its dependencies.
    pub install: usize,
    /// The id of the package manager.
    pub manager: &'static str,
}

impl Application<'_> {
    /// Whether a second install brings the same as the first.
    fn is_locked(&self) -> bool {
        let folders = (self.folder, self.place);
        production::is_locked(self.situation, self.install, self.manager, self.package, folders)
    }
}

pub(super) fn look(situation: Situation<'_>) -> Split {
    let stage = &situation.facts.stages[0];
    let (Some(context), "node") = (situation.context, stage.base.family()) else { return Split::Nothing };
    let Some((install, manager)) = install_in(situation) else { return Split::Nothing };
    let Some(folder) = situation.facts.at(install).workdir.clone() else { return Split::Nothing };
    let Some(place) = folder_of(situation, install, &folder, "package.json") else { return Split::Nothing };
    // A package.json that can't be read is reported by production-dependencies.
    let Some(Ok(package)) = Package::of(context, &place) else { return Split::Nothing };
    let application =
        Application { situation, package: &package, folder: &folder, place: &place, install, manager };
    let range = stage.stage.instructions.clone();
    let Some(build) = range.clone().rev().find(|&at| production::builds(situation, at, &package)) else {
        return Split::Nothing;
    };
    let line = situation.tree.instructions[build].line();
    match propose(application, build) {
        Ok(Some(proposal)) => Split::Proposed(Box::new(proposal)),
        Ok(None) => Split::Nothing,
        Err(reason) => Split::Declined(line, format!("building and running stay in one stage: {reason}")),
    }
}

/// The first RUN that installs what package.json asks for, and with what.
fn install_in(situation: Situation<'_>) -> Option<(usize, &'static str)> {
    situation.facts.stages[0].stage.instructions.clone().find_map(|at| {
        let instruction = &situation.tree.instructions[at];
        let (Keyword::Run, Some(Ok(script))) = (instruction.keyword(), instruction.script()) else {
            return None;
        };
        let commands = package_commands(script);
        let found = commands.iter().find(|command| production::is_project_install(command))?;
        Some((at, found.manager.id.as_str()))
    })
}

fn propose(application: Application<'_>, build: usize) -> Result<Option<Proposal>, String> {
    let Application { situation, package, .. } = application;
    let stage = &situation.facts.stages[0];
    if application.folder == "/" {
        return Err("the application lies in /, from where it can't be copied; set a WORKDIR".to_owned());
    }
    if !package.workspaces().is_empty() {
        return Err("package.json has workspaces, and dfix can't tell which of them runs".to_owned());
    }
    let mut unknown: Vec<String> = Vec::new();
    let mut evidence: Vec<String> = Vec::new();

    // Whether development dependencies can stay behind.
    let skipped = situation.options.skip.iter().any(|id| id == "production-dependencies");
    let mut lean = !skipped && !package.dev_dependencies.is_empty();
    let started = production::start_needs(situation, 0, package);
    let needs = started.and_then(|looked| {
        production::sources_need(situation, application.place, package).map(|count| (looked, count))
    });
    match needs {
        Ok((looked, count)) => {
            evidence.extend(looked.evidence);
            unknown.extend(looked.unknown);
            evidence.push(format!("looked at {count} source files for what they load and read"));
        }
        Err(reason) => {
            lean = false;
            evidence.push(format!("development dependencies stay: {reason}"));
        }
    }

    let runtime = match stage.base.variant {
        Variant::Full => stage.base.slim_tag().and_then(|tag| stage.base.with_tag(&tag)),
        _ => None,
    };
    if runtime.is_none() && !lean {
        return Ok(None);
    }
    let base = runtime.unwrap_or_else(|| stage.stage.base.clone());
    if base != stage.stage.base {
        form::slim_needs(application, &mut unknown)?;
    }
    let parts = Parts::of(application, build)?;
    let form = Form::choose(application, &parts, lean, &mut evidence)?;
    let (change, effects) = assemble(application, &parts, &form, &base, lean)
        .ok_or_else(|| "its instructions could not be divided".to_owned())?;
    evidence.extend(form.evidence());
    let what = format!("build in a stage of its own, run from {base} {}", form.what());
    let safety = if unknown.is_empty() { Safety::Checked } else { Safety::Unproven };
    evidence.extend(unknown.iter().map(|what| format!("not known: {what}")));
    let line = situation.tree.instructions[stage.stage.instructions.start].line();
    Ok(Some(Proposal { line, safety, what, evidence, changes: vec![change], effects }))
}

fn assemble(
    application: Application<'_>,
    parts: &Parts,
    form: &Form,
    base: &str,
    lean: bool,
) -> Option<(crate::edit::Change, Vec<crate::plan::Effect>)> {
    let Application { situation, folder, .. } = application;
    let stage = &situation.facts.stages[0];
    let old = &stage.stage.base;
    let mut draft = Draft::of(situation)?;
    let deps = lean && matches!(form, Form::Output { modules: true, prune: None, .. });
    let deps_name = draft.free_name("deps");
    if deps {
        draft.stage(old, Some(&deps_name))?;
        for &(at, part) in parts.all.iter().filter(|(at, _)| *at <= application.install) {
            if part != Part::Runtime {
                draft.keep(at);
            }
        }
    }
    let builder = draft.free_name("builder");
    draft.stage(old, Some(&builder))?;
    for &(at, part) in &parts.all {
        if part == Part::Build || part == Part::Both && at < parts.last_build {
            draft.keep(at);
        }
    }
    if let Form::Folder { prune: Some(prune) } | Form::Output { prune: Some(prune), .. } = form {
        draft.add(Keyword::Run, prune)?;
    }
    if let Form::Output { cleanup, .. } = form
        && !cleanup.is_empty()
    {
        draft.add(Keyword::Run, &format!("rm -rf {}", cleanup.join(" ")))?;
    }
    draft.stage(base, None)?;
    let here = |at: usize| situation.facts.at(at).workdir.as_deref() == Some(folder);
    let mut copied = false;
    for &(at, part) in &parts.all {
        if !copied && at > parts.first_application {
            copy(&mut draft, form, folder, here(at), deps.then_some(deps_name.as_str()), &builder)?;
            copied = true;
        }
        if part == Part::Runtime || part == Part::Both && parts.wanted_at_run_time(situation, at) {
            draft.keep(at);
        }
    }
    if !copied {
        copy(&mut draft, form, folder, false, deps.then_some(deps_name.as_str()), &builder)?;
    }
    draft.finish()
}

/// Copies what runs. `here` is whether the working directory is the folder by then.
fn copy(
    draft: &mut Draft<'_>,
    form: &Form,
    folder: &str,
    here: bool,
    deps: Option<&str>,
    builder: &str,
) -> Option<()> {
    let target = if here { "." } else { folder };
    match form {
        Form::Folder { .. } => draft.add(Keyword::Copy, &format!("--from={builder} {folder} {folder}")),
        Form::Output { paths, modules, .. } => {
            if *modules {
                let from = deps.unwrap_or(builder);
                draft.add(
                    Keyword::Copy,
                    &format!("--from={from} {folder}/node_modules {target}/node_modules"),
                )?;
            }
            let (files, folders): (Vec<_>, Vec<_>) = paths.iter().partition(|path| path.is_file);
            for path in folders {
                draft
                    .add(Keyword::Copy, &format!("--from={builder} {folder}/{0} {target}/{0}", path.name))?;
            }
            if !files.is_empty() {
                let list: Vec<String> = files.iter().map(|path| format!("{folder}/{}", path.name)).collect();
                draft.add(Keyword::Copy, &format!("--from={builder} {} {target}/", list.join(" ")))?;
            }
            Some(())
        }
    }
}

/// Whether npm in the base knows `--omit` (from 7 on, which came with Node.js 15).
fn knows_omit(situation: Situation<'_>) -> bool {
    version_matches(&situation.facts.stages[0].base.version, ">=15")
}
