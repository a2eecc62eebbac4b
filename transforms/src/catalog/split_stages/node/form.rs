//! What the stage that runs takes from the one that builds.

use super::parts::Parts;
use super::{Application, knows_omit};
use crate::catalog::production_dependencies::{brief, starts};
use crate::knowledge::{NODE_PACKAGES, NodeFramework};
use crate::project::join_context;
use crate::project::node::Lock;
use crate::project::start::started_by;

/// The two ways.
pub(super) enum Form {
    /// The whole folder, development dependencies taken out.
    Folder {
        /// The command that takes them out; `None` where they stay.
        prune: Option<String>,
    },
    /// Only what the framework needs to run.
    Output {
        framework: &'static NodeFramework,
        paths: Vec<Path>,
        /// Whether it needs `node_modules`.
        modules: bool,
        /// The command that takes development dependencies out of them; `None` where they are installed without.
        prune: Option<String>,
        /// Caches of the build that would travel along.
        cleanup: Vec<String>,
    },
}

/// A path of the application that runs.
#[derive(Clone)]
pub(super) struct Path {
    pub name: String,
    pub is_file: bool,
}

impl Form {
    /// # Errors
    /// Why there is nothing to gain.
    pub fn choose(
        application: Application<'_>,
        parts: &Parts,
        lean: bool,
        evidence: &mut Vec<String>,
    ) -> Result<Self, String> {
        match output(application, parts, lean, evidence) {
            Ok(form) => return Ok(form),
            Err(reason) => evidence.push(format!("the whole folder is copied: {reason}")),
        }
        let prune = if lean { prune(application, evidence) } else { None };
        Ok(Self::Folder { prune })
    }

    pub fn what(&self) -> String {
        match self {
            Self::Folder { prune: Some(_) } => "without development dependencies".to_owned(),
            Self::Folder { prune: None } => "with the folder that was built".to_owned(),
            Self::Output { framework, .. } => format!("with what {} needs to run", framework.name),
        }
    }

    pub fn evidence(&self) -> Vec<String> {
        match self {
            Self::Folder { .. } => Vec::new(),
            Self::Output { framework, paths, .. } => {
                let names: Vec<&str> = paths.iter().map(|path| path.name.as_str()).collect();
                vec![format!("{} runs from {} ({})", framework.name, names.join(", "), framework.source)]
            }
        }
    }
}

/// The command that takes development dependencies out of `node_modules`.
fn prune(application: Application<'_>, evidence: &mut Vec<String>) -> Option<String> {
    let Application { situation, package, place, manager, .. } = application;
    let lock = Lock::of(manager, package, situation.context?, place);
    match (manager, &lock) {
        // Scripts of the application may call what is gone by then.
        ("npm", _) if knows_omit(situation) => Some("npm prune --omit=dev --ignore-scripts".to_owned()),
        ("npm", _) => Some("npm prune --production".to_owned()),
        ("yarn", Lock::InStep { version: 1, .. }) => {
            Some("yarn install --production --frozen-lockfile --ignore-scripts --prefer-offline".to_owned())
        }
        // pnpm asks before it removes a folder, unless it runs for a machine.
        ("pnpm", _) => Some("CI=true pnpm prune --prod --ignore-scripts".to_owned()),
        _ => {
            evidence.push(format!(
                "development dependencies stay: {manager} has no command that dfix knows to take them out"
            ));
            None
        }
    }
}

/// The form that copies only output. An error says why not.
fn output(
    application: Application<'_>,
    parts: &Parts,
    lean: bool,
    evidence: &mut Vec<String>,
) -> Result<Form, String> {
    let Application { situation, package, place, .. } = application;
    let framework = framework(application, parts)?;
    if let Some(&at) = parts.touched.first() {
        return Err(format!("{} changes the folder", brief(situation, at)));
    }
    if package.needs("@prisma/client") || package.needs("prisma") {
        return Err("Prisma writes its client into node_modules".to_owned());
    }
    if parts.sources_first || package.lifecycle().next().is_some() || package.has_patches() {
        return Err("its dependencies can't be installed without the sources".to_owned());
    }
    if package.local().next().is_some() {
        return Err("it has dependencies in the build context".to_owned());
    }
    let context = situation.context.ok_or_else(|| "the build context is not known".to_owned())?;
    let mut paths = Vec::new();
    for name in &framework.runtime_needs {
        let path = join_context(place, name).unwrap_or_default();
        let is_output = framework.output.contains(name);
        if is_output {
            let name = output_folder(application, framework, name)?;
            paths.push(Path { name, is_file: false });
        } else if context.contains(&path) {
            paths.push(Path { name: name.clone(), is_file: true });
        } else if context.has_folder(&path) {
            paths.push(Path { name: name.clone(), is_file: false });
        }
    }
    reads_nothing_else(application, &paths)?;
    let modules = starts(situation, 0).into_iter().any(|at| {
        let started = started_by(situation, at, package);
        started.programs.iter().any(|program| program.local || program.name == "node")
    });
    let with_modules = modules && !package.dependencies.is_empty();
    if with_modules && !lean && !package.dev_dependencies.is_empty() {
        return Err("development dependencies stay".to_owned());
    }
    let mut taken_out = None;
    if with_modules && lean && !application.is_locked() {
        // Installed twice, they could differ.
        taken_out = prune(application, evidence);
        if taken_out.is_none() {
            return Err("no lock file says which versions to install".to_owned());
        }
    }
    let cleanup = framework.build_cache.clone();
    Ok(Form::Output { framework, paths, modules: with_modules, prune: taken_out, cleanup })
}

/// The framework whose build the stage runs and whose output it starts.
fn framework(application: Application<'_>, parts: &Parts) -> Result<&'static NodeFramework, String> {
    let Application { situation, package, .. } = application;
    let built = started_by(situation, parts.last_build, package);
    let mut commands: Vec<String> = package
        .scripts
        .iter()
        .filter(|(name, _)| name.contains("build"))
        .map(|(_, text)| text.clone())
        .collect();
    commands.extend(built.programs.iter().map(|program| format!("{} build", program.name)));
    let has = |name: &str| package.all().any(|(known, _)| known == name);
    NODE_PACKAGES
        .framework
        .iter()
        .find(|row| has(&row.dependency) && commands.iter().any(|text| text.contains(&row.build_command)))
        .ok_or_else(|| "it is not known what its build writes".to_owned())
        .and_then(|row| starts_output(application, row).map(|()| row))
}

/// Whether what the image starts is what the framework says.
fn starts_output(application: Application<'_>, row: &NodeFramework) -> Result<(), String> {
    let Application { situation, package, .. } = application;
    let expected = row.start.split_whitespace().next().unwrap_or_default();
    let mut any = false;
    for at in starts(situation, 0) {
        for program in started_by(situation, at, package).programs {
            let manager = matches!(program.name.as_str(), "npm" | "yarn" | "pnpm" | "bun");
            let below_output = |file: &str| {
                let file = file.trim_start_matches("./");
                row.output.iter().any(|output| file.starts_with(&format!("{output}/")))
                    || outdir(application).is_some_and(|folder| file.starts_with(&format!("{folder}/")))
            };
            match &program.file {
                Some(file) if program.name == "node" && below_output(file) => any = true,
                None if program.name == expected && expected != "node" => any = true,
                // `node -e` runs what stands there.
                None if program.name == "node" => {}
                _ if manager => {}
                _ => return Err(format!("{} starts {}, which may need more", program.place, program.name)),
            }
        }
    }
    if any { Ok(()) } else { Err("it is not known what it starts".to_owned()) }
}

/// `outDir` of tsconfig.json, where it is plain JSON.
fn outdir(application: Application<'_>) -> Option<String> {
    let context = application.situation.context?;
    let names = ["tsconfig.build.json", "tsconfig.json"];
    names.iter().find_map(|name| {
        let text = context.text(&join_context(application.place, name)?)?;
        let line = text.lines().find(|line| line.trim_start().starts_with("\"outDir\""))?;
        let value = line.split(':').nth(1)?.trim().trim_matches([',', '"', ' ']);
        Some(value.trim_start_matches("./").trim_end_matches('/').to_owned())
    })
}

/// The folder that the build writes: the framework's, unless a setting names another.
fn output_folder(
    application: Application<'_>,
    framework: &NodeFramework,
    name: &str,
) -> Result<String, String> {
    if framework.build_command == "tsc" || framework.name == "nest" {
        return Ok(outdir(application).unwrap_or_else(|| name.to_owned()));
    }
    let Some(context) = application.situation.context else { return Ok(name.to_owned()) };
    let configs = context.under(application.place).filter(|(path, _)| {
        let file = path.rsplit('/').next().unwrap_or(path);
        file.starts_with(&format!("{}.config.", framework.dependency.rsplit('/').next().unwrap_or_default()))
            || file.starts_with("vite.config.")
    });
    for (path, _) in configs {
        let text = context.text(path).unwrap_or_default();
        for setting in ["distDir", "outDir", "outputDir"] {
            if text.contains(setting) {
                return Err(format!("{path} sets {setting}"));
            }
        }
    }
    Ok(name.to_owned())
}

/// Whether the sources, and the configuration that runs, read files that would stay behind.
fn reads_nothing_else(application: Application<'_>, paths: &[Path]) -> Result<(), String> {
    let Application { situation, place, .. } = application;
    let Some(context) = situation.context else { return Err("the build context is not known".to_owned()) };
    for path in paths.iter().filter(|path| path.is_file && path.name.contains(".config.")) {
        let name = join_context(place, &path.name).unwrap_or_default();
        let text = context.text(&name).unwrap_or_default();
        let loads =
            ["require('.", "require(\".", "from '.", "from \".", "readFile", "standalone", "existsSync"];
        if let Some(word) = loads.iter().find(|word| text.contains(**word)) {
            let what = word.trim_end_matches(['\'', '"', '.', '(']).trim();
            return Err(format!("{name} has `{what}`, so it may need other files"));
        }
    }
    for (path, size) in context.under(place) {
        let below = path.strip_prefix(place).unwrap_or(path).trim_start_matches('/');
        if !super::production::runs(below) || size > 1_000_000 {
            continue;
        }
        let text = context.text(path).unwrap_or_default();
        if let Some(word) = NODE_PACKAGES.reads_files.iter().find(|word| text.contains(word.as_str())) {
            return Err(format!(
                "{path} has `{}`, so it may read other files",
                word.trim_end_matches(['(', '.'])
            ));
        }
    }
    Ok(())
}

/// What a slim base lacks and the application needs.
///
/// # Errors
/// A dependency that needs a library or a command of the system.
pub(super) fn slim_needs(application: Application<'_>, unknown: &mut Vec<String>) -> Result<(), String> {
    let Application { situation, package, place, .. } = application;
    let context = situation.context.ok_or_else(|| "the build context is not known".to_owned())?;
    for (name, _) in package.all().filter(|(name, _)| package.needs(name)) {
        let Some(row) = NODE_PACKAGES.package.iter().find(|row| row.name == name) else { continue };
        let mut needs: Vec<&str> = row.runtime_system.iter().map(String::as_str).collect();
        needs.extend(row.runtime_libraries.iter().filter(|_| row.native == "compiles").map(String::as_str));
        needs.extend(row.runtime_commands.iter().map(String::as_str));
        if row.browser {
            return Err(format!("{name} brings a browser, whose libraries the slim image lacks"));
        }
        if !needs.is_empty() {
            return Err(format!(
                "{name} needs {} at run time, which the slim image lacks; install it there by hand",
                needs.join(", ")
            ));
        }
    }
    let sources = crate::project::sources::Sources::of(context, place);
    if let Some(place) = sources.computed().next() {
        unknown.push(format!("which command {place} starts"));
    }
    for one in &sources.uses {
        let Some(command) = one.need.command() else { continue };
        let lacking = crate::knowledge::BUILD_TOOLS
            .package
            .iter()
            .find(|row| row.commands.iter().any(|known| known == command));
        if let Some(row) = lacking {
            return Err(format!(
                "{} calls {command}, and the slim image has no {}; install it in the Dockerfile",
                one.place, row.name
            ));
        }
    }
    Ok(())
}
