//! Tables of facts. Each is a TOML file in `knowledge/`, read once when first asked for.

use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::LazyLock;

macro_rules! tables {
    ($($(#[$doc:meta])* $name:ident: $type:ty = $file:literal),* $(,)?) => {
        $($(#[$doc])* pub static $name: LazyLock<$type> =
            LazyLock::new(|| read(include_str!(concat!("../knowledge/", $file))));)*

        #[cfg(test)]
        const FILES: &[(&str, fn() -> Option<String>)] = &[
            $(($file, || toml::from_str::<$type>(include_str!(concat!("../knowledge/", $file))).err().map(|e| e.to_string()))),*
        ];
    };
}

tables! {
    /// Package managers and their commands.
    PACKAGE_MANAGERS: PackageManagers = "package-managers.toml",
    /// Commands that look at nothing but what their words name.
    COMMANDS: Commands = "commands.toml",
    /// What commands are for.
    COMMAND_PURPOSES: CommandPurposes = "command-purposes.toml",
    /// Base images and their variants.
    BASE_IMAGES: BaseImages = "base-images.toml",
    /// What full images carry beyond slim ones, and packages that only builds need.
    BUILD_TOOLS: BuildTools = "build-tools.toml",
    /// The runtime libraries that `-dev` packages stand for.
    RUNTIME_LIBRARIES: RuntimeLibraries = "runtime-libraries.toml",
    /// What Python packages need to be installed and to run.
    PYTHON_PACKAGES: PythonPackages = "python-packages.toml",
    /// What Node packages need, and web frameworks.
    NODE_PACKAGES: NodePackages = "node-packages.toml",
    /// How programs start other programs and load libraries.
    PROCESS_CALLS: ProcessCalls = "process-calls.toml",
    /// Environment variables that only a running program reads.
    RUNTIME_VARIABLES: RuntimeVariables = "runtime-variables.toml",
    /// What the files of an image are for.
    FILE_KINDS: FileKinds = "file-kinds.toml",
    /// Which ports programs listen on where they are not told.
    SERVERS: Servers = "servers.toml",
}

/// A table that can't be read is empty here; a test reads them all.
fn read<T: Default + for<'de> Deserialize<'de>>(text: &str) -> T {
    toml::from_str(text).unwrap_or_default()
}

macro_rules! table {
    ($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $type:ty),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Default, Deserialize)]
        #[serde(default, deny_unknown_fields)]
        pub struct $name { $($(#[$field_doc])* pub $field: $type),* }
    };
}

table! {
    /// `package-managers.toml`
    PackageManagers {
        /// Month of the last look at the sources.
        date: String,
        /// How names of variables begin that any installation may read.
        environment: Vec<String>,
        /// The rows.
        manager: Vec<PackageManager>,
    }
}

table! {
    /// A package manager.
    PackageManager {
        /// Its name here.
        id: String,
        /// Names it is called by.
        programs: Vec<String>,
        /// Whether the name may carry a version (`pip3.11`).
        versioned: bool,
        /// The module for `python -m`.
        module: String,
        /// The word between program and subcommand (`uv pip install`).
        group: String,
        /// Subcommands that install; `""` is none.
        install: Vec<String>,
        /// Subcommands that fetch the package index.
        update: Vec<String>,
        /// Subcommands that empty the cache.
        clean: Vec<String>,
        /// Options whose value is the next word.
        value_options: Vec<String>,
        /// Options whose value is a path, but neither a manifest nor the project's folder.
        path_options: Vec<String>,
        /// Options after which it does not ask.
        assume_yes: Vec<String>,
        /// Subcommands that ask before they go on.
        asks: Vec<String>,
        /// The option of `install` that leaves recommended packages out.
        fewer: String,
        /// Beginnings of options that decide the same question as `fewer`.
        fewer_same: Vec<String>,
        /// Options that install from the cache.
        offline: Vec<String>,
        /// Subcommands other than install ones that read the package index.
        index_verbs: Vec<String>,
        /// Other programs that read the package index.
        index_programs: Vec<String>,
        /// Subcommands that remove the package index.
        empties_lists: Vec<String>,
        /// Rules of linters about its cache.
        rules: Vec<String>,
        /// The option that keeps the cache out of the layer.
        flag: String,
        /// Releases of the distribution whose packaged version does not know the flag.
        flag_missing_in: Vec<String>,
        /// Versions of the alpine image that know the flag, as a comparison.
        flag_versions: String,
        /// Options that mean the same.
        same_flags: Vec<String>,
        /// Beginnings of options that decide the same question.
        same_prefixes: Vec<String>,
        /// Options that the flag makes pointless.
        drops: Vec<String>,
        /// Environment variables that decide the same question.
        variables: Vec<String>,
        /// The command that empties the cache.
        cleanup: String,
        /// Paths whose removal empties the cache.
        cleaned_by: Vec<String>,
        /// Folders of the cache; `~` is the user's home.
        cache: Vec<String>,
        /// The folder of the package index.
        lists: String,
        /// Whether it installs packages of the distribution.
        system: bool,
        /// The language whose packages it installs.
        language: String,
        /// Files that an install reads.
        manifests: Vec<String>,
        /// The files among them without which it fails.
        needs: Vec<String>,
        /// Its lock files.
        lock: Vec<String>,
        /// The option that leaves out what is only needed for development.
        production: String,
        /// Options that decide the same question, or ask for something else.
        production_decided: Vec<String>,
        /// Variables that decide the same question.
        production_variables: Vec<String>,
        /// What to copy for an install where the build context is not known, as patterns.
        unseen: Vec<String>,
        /// Folders beside its manifests that an install writes.
        writes: Vec<String>,
        /// The option that leaves the project itself out of an install.
        without_project: String,
        /// Subcommands that neither look at the project nor change it.
        apart: Vec<String>,
        /// Options that make an install go to another place than the environment it runs in.
        elsewhere: Vec<String>,
        /// Environment variables that do the same.
        elsewhere_variables: Vec<String>,
        /// Parts of the addresses of its own installation scripts.
        installers: Vec<String>,
        /// Where the facts come from.
        source: String,
    }
}

table! {
    /// `command-purposes.toml`
    CommandPurposes {
        /// Month of the last look at the sources.
        date: String,
        /// The rows.
        command: Vec<CommandPurpose>,
    }
}

table! {
    /// Commands of one purpose.
    CommandPurpose {
        /// `image`, `plain`, `login`, `compiles`: see the head of the file.
        purpose: String,
        /// Their names.
        names: Vec<String>,
        /// Where the facts come from.
        source: String,
    }
}

table! {
    /// `commands.toml`
    Commands {
        /// Month of the last look at the sources.
        date: String,
        /// Folders that tools read without being told.
        system: Vec<String>,
        /// Files and folders of a home folder that hold settings of tools.
        home: Vec<String>,
        /// Parts of paths where package managers put packages.
        packages: Vec<String>,
        /// Parts of paths of an installation.
        tools: Vec<String>,
        /// Folders that every image has.
        folders: Vec<String>,
        /// Ends of names that are those of files.
        file_ends: Vec<String>,
        /// Names of files without such an end.
        file_names: Vec<String>,
        /// Build arguments whose value differs with every build.
        changing: Vec<String>,
        /// The rows.
        command: Vec<Command>,
    }
}

table! {
    /// Commands that look at nothing but what their words name.
    Command {
        /// Their first words.
        names: Vec<String>,
        /// `names` where a word is a path only with `./` or `/` before it, else `paths`.
        operands: String,
        /// Whether they use the working directory without being told.
        folder: bool,
        /// Options with which they do so.
        folder_with: Vec<String>,
        /// Options with which they don't.
        folder_without: Vec<String>,
        /// Whether they may create a home folder.
        user: bool,
        /// Whether they go to the network.
        fetches: bool,
        /// Where the facts come from.
        source: String,
    }
}

table! {
    /// `base-images.toml`
    BaseImages {
        /// Month of the last look at the sources.
        date: String,
        /// The rows.
        image: Vec<BaseImage>,
    }
}

table! {
    /// `runtime-variables.toml`
    RuntimeVariables {
        /// Month of the last look at the sources.
        date: String,
        /// The rows.
        variable: Vec<RuntimeVariable>,
    }
}

impl RuntimeVariables {
    /// Whether a variable is read by running programs only, so that a build does the same without it.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.variable.iter().any(|row| {
            row.names.iter().any(|known| known == name)
                || row.prefixes.iter().any(|prefix| name.starts_with(prefix.as_str()))
        })
    }
}

table! {
    /// Variables of one program.
    RuntimeVariable {
        /// Their names.
        names: Vec<String>,
        /// Beginnings of their names.
        prefixes: Vec<String>,
        /// Where the facts come from.
        source: String,
    }
}

table! {
    /// A base image and its variants.
    BaseImage {
        /// Its familiar name.
        name: String,
        /// What it is for: `python`, `node`, `debian`…
        family: String,
        /// The package manager of the tag without a suffix.
        package_manager: String,
        /// The distribution of the tag without a suffix.
        distribution: String,
        /// What that tag carries: `buildpack-deps`, `buildpack-deps-scm`, `buildpack-deps-curl`, `plain`, `slim`.
        full: String,
        /// `suffix` where `TAG-slim` exists.
        slim: String,
        /// Versions that have a slim variant, as a comparison (`>=3.6`).
        slim_versions: String,
        /// Releases of the distribution that occur in tags.
        releases: Vec<String>,
        /// `slim-release` (`3.11-slim-bookworm`) or `release-slim` (`18-bookworm-slim`).
        slim_release_order: String,
        /// Libraries of the distribution that the slim variant has.
        slim_libraries: Vec<String>,
        /// Packages of `build-tools.toml` that the slim variant has all the same.
        slim_keeps: Vec<String>,
        /// The slim variant of the tag `latest`, where that is not `slim`.
        latest_slim: String,
        /// Which release the tag without a suffix stands for.
        default_release: Vec<DefaultRelease>,
        /// Versions that have an alpine variant.
        alpine_versions: String,
        /// How the alpine variant is written.
        alpine_order: String,
        /// Whether tags without a variant stand for Windows images, too, where the engine runs those.
        windows: bool,
        /// Unprivileged users in the image.
        users: Vec<String>,
        /// The user it runs as.
        default_user: String,
        /// Why it should not be used any more.
        deprecated: String,
        /// Where the facts come from.
        source: String,
    }
}

table! {
    /// The release that a range of versions stands on.
    DefaultRelease {
        /// Versions, as a comparison.
        versions: String,
        /// The release.
        release: String,
        /// Since when.
        since: String,
    }
}

table! {
    /// `build-tools.toml`
    BuildTools {
        /// Month of the last look at the sources.
        date: String,
        /// What the sources are, for the file as a whole.
        source: String,
        /// Packages of full images.
        package: Vec<BuildTool>,
        /// Packages that only builds need.
        build_only: Vec<BuildOnly>,
        /// Images whose programs need no shared library.
        static_images: Vec<String>,
        /// Folders that slim images leave empty.
        stripped: Vec<Stripped>,
        /// Packages that fail to install where such a folder is gone.
        trips: Vec<Trips>,
        /// Commands that call others.
        caller: Vec<Caller>,
    }
}

table! {
    /// A package that full images carry and slim ones don't.
    BuildTool {
        /// The package.
        name: String,
        /// Commands in it.
        commands: Vec<String>,
        /// The image that brings it: `buildpack-deps`, `buildpack-deps-scm`, `buildpack-deps-curl`.
        image: String,
        /// `compiler`, `header`, `vcs`, `network`, `media`, `archive`, `interpreter`, `other`.
        kind: String,
        /// Libraries in it.
        libraries: Vec<String>,
        /// Other packages that bring it.
        also: Vec<String>,
        /// What full images have beside it and it uses; a row of `runtime-libraries.toml` where names differ by release.
        beside: Vec<String>,
        /// Other packages that bring it unless they are told not to.
        recommended_by: Vec<String>,
        /// Files and folders of it that are looked for by name.
        files: Vec<String>,
        /// Modules of Python's standard library that need it.
        modules: Vec<String>,
        /// Whether without it things work, but otherwise.
        degrades: bool,
        /// Releases that have it without being asked.
        in_releases: Vec<String>,
        /// Where the facts come from.
        source: String,
    }
}

table! {
    /// A folder that slim images leave empty, whatever is installed.
    Stripped {
        /// The folder.
        path: String,
        /// Where the facts come from.
        source: String,
    }
}

table! {
    /// Packages that fail to install where a folder is gone.
    Trips {
        /// The packages; `*` at the end stands for anything.
        packages: Vec<String>,
        /// The releases in whose slim images they do; all where none is named.
        releases: Vec<String>,
        /// The folder.
        needs: String,
        /// Where the facts come from.
        source: String,
    }
}

table! {
    /// Commands of a RUN that call others.
    Caller {
        /// The commands.
        commands: Vec<String>,
        /// The packages with what they call.
        needs: Vec<String>,
        /// Whether they only do so at times.
        uncertain: bool,
        /// Whether they run what is not looked at.
        opaque: bool,
        /// Whether they do so at run time, too.
        always: bool,
        /// Where the facts come from.
        source: String,
    }
}

table! {
    /// A package that only builds need.
    BuildOnly {
        /// The package.
        name: String,
        /// The package manager whose name it is.
        package_manager: String,
        /// Runtime packages that it stands for.
        runtime: Vec<String>,
        /// Where the facts come from.
        source: String,
    }
}

table! {
    /// `runtime-libraries.toml`
    RuntimeLibraries {
        /// Month of the last look at the sources.
        date: String,
        /// The rows.
        library: Vec<RuntimeLibrary>,
    }
}

table! {
    /// The runtime packages that a `-dev` package stands for.
    RuntimeLibrary {
        /// The `-dev` package.
        dev: String,
        /// By Debian release.
        debian: BTreeMap<String, Vec<String>>,
        /// By Ubuntu release.
        ubuntu: BTreeMap<String, Vec<String>>,
        /// In Alpine.
        alpine: AlpineLibrary,
        /// Names of the libraries.
        provides: Vec<String>,
        /// Where the facts come from.
        source: String,
    }
}

table! {
    /// Alpine's packages for a library.
    AlpineLibrary {
        /// The `-dev` package.
        dev: String,
        /// What is needed at run time.
        runtime: Vec<String>,
    }
}

table! {
    /// `python-packages.toml`
    PythonPackages {
        /// Month of the last look at the sources.
        date: String,
        /// Packages that have had wheels for Linux in all recent releases.
        wheels: Vec<String>,
        /// Releases from which on one wheel fits every later Python.
        abi3: BTreeMap<String, String>,
        /// Packages without compiled code.
        pure: Vec<String>,
        /// The rows.
        package: Vec<PythonPackage>,
    }
}

table! {
    /// A Python package with needs of its own.
    PythonPackage {
        /// Its normalised name.
        name: String,
        /// `always`, `never` or `before:VERSION`: whether installing it compiles.
        compiles: String,
        /// `before:VERSION` for versions of Python after 3.11.
        compiles_on: BTreeMap<String, String>,
        /// Debian packages that compiling needs.
        build_needs: Vec<String>,
        /// `-dev` packages whose runtime part it needs where it was compiled.
        runtime_libraries: Vec<String>,
        /// Commands that it calls.
        runtime_commands: Vec<String>,
        /// Debian packages that its wheel needs and slim images lack.
        runtime_system: Vec<String>,
        /// Whether it fetches data to places outside site-packages.
        downloads: bool,
        /// Whether it is about models that outweigh the rest of an image.
        model: bool,
        /// Where the facts come from.
        source: String,
    }
}

table! {
    /// `node-packages.toml`
    NodePackages {
        /// Month of the last look at the sources.
        date: String,
        /// Words of sources that read files of the project when they run.
        reads_files: Vec<String>,
        /// Packages with needs of their own.
        package: Vec<NodePackage>,
        /// Packages that have no compiled code, nor has what they depend on.
        pure: Vec<String>,
        /// Web frameworks.
        framework: Vec<NodeFramework>,
    }
}

table! {
    /// A Node package with needs of its own.
    NodePackage {
        /// Its name.
        name: String,
        /// `prebuilt` (ships or downloads binaries), `compiles`, or empty.
        native: String,
        /// The release from which on it holds a binary for every version of Node itself.
        any_node: String,
        /// Debian packages that compiling needs.
        build_needs: Vec<String>,
        /// `-dev` packages whose runtime part it needs.
        runtime_libraries: Vec<String>,
        /// Whether it downloads a browser.
        browser: bool,
        /// What it writes besides its own folder.
        generates: String,
        /// Files of the project that its install script looks at.
        install_reads: Vec<String>,
        /// Debian packages that it needs at run time.
        runtime_system: Vec<String>,
        /// Commands that it calls.
        runtime_commands: Vec<String>,
        /// Whether it is a tool for development.
        dev_only_use: bool,
        /// Commands that it provides.
        cli: Vec<String>,
        /// Where the facts come from.
        source: String,
    }
}

table! {
    /// A web framework.
    NodeFramework {
        /// Its name.
        name: String,
        /// The dependency that tells.
        dependency: String,
        /// The command that builds.
        build_command: String,
        /// What the build writes.
        output: Vec<String>,
        /// What runs needs besides production dependencies.
        runtime_needs: Vec<String>,
        /// Caches in the output that only the next build reads.
        build_cache: Vec<String>,
        /// Whether the output is static files.
        r#static: bool,
        /// The command that starts it.
        start: String,
        /// Its port.
        port: u16,
        /// Where the facts come from.
        source: String,
    }
}

table! {
    /// `process-calls.toml`
    ProcessCalls {
        /// Month of the last look at the sources.
        date: String,
        /// Functions that start a program or load a library.
        call: Vec<ProcessCall>,
        /// Names of the interpreter that runs.
        own: Vec<OwnInterpreter>,
        /// Commands that start the command behind them.
        wrapper: Vec<Wrapper>,
    }
}

table! {
    /// Functions of a module that start a program or load a library.
    ProcessCall {
        /// `python`, `javascript`, `go`, `rust`.
        language: String,
        /// The module.
        module: String,
        /// Their names in it; `""` is the module itself, `*` any.
        functions: Vec<String>,
        /// `shell`, `program`, `command`, `list`, `library` or `name`.
        takes: String,
        /// Which argument, counted from 0.
        argument: usize,
        /// The name of that argument, where it may be given by name.
        keyword: String,
        /// Where the facts come from.
        source: String,
    }
}

table! {
    /// What names the interpreter that runs the source.
    OwnInterpreter {
        /// The language.
        language: String,
        /// The names.
        names: Vec<String>,
        /// Where the facts come from.
        source: String,
    }
}

table! {
    /// Commands that start the command behind them.
    Wrapper {
        /// Their names.
        names: Vec<String>,
        /// Options whose value is the next word.
        value_options: Vec<String>,
        /// How many operands stand before the command.
        operands: usize,
        /// Whether `NAME=value` may stand before it.
        assignments: bool,
        /// Words that may stand before it (`run`).
        verbs: Vec<String>,
        /// Whether one of those has to.
        needs_verb: bool,
        /// Where the facts come from.
        source: String,
    }
}

table! {
    /// `file-kinds.toml`
    FileKinds {
        /// Month of the last look at the sources.
        date: String,
        /// The rows; the first that fits counts.
        kind: Vec<FileKind>,
    }
}

table! {
    /// What files of an image are for, by where they lie.
    FileKind {
        /// What they are, in words.
        name: String,
        /// Folders that they lie below.
        under: Vec<String>,
        /// Names of folders, anywhere, that they lie below.
        inside: Vec<String>,
        /// Ends of their names.
        ends: Vec<String>,
        /// Where the facts come from.
        source: String,
    }
}

table! {
    /// `servers.toml`
    Servers {
        /// Month of the last look at the sources.
        date: String,
        /// The rows.
        server: Vec<Server>,
    }
}

table! {
    /// A program that listens on a port.
    Server {
        /// The words that start it: its name, with a subcommand where it needs one.
        program: String,
        /// The port where it is not told another.
        port: u16,
        /// Where the facts come from.
        source: String,
    }
}

impl BaseImages {
    /// The row of an image, by its familiar name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&BaseImage> {
        self.image.iter().find(|image| image.name == name)
    }
}

impl Commands {
    /// The row of a command, by its first word.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Command> {
        self.command.iter().find(|row| row.names.iter().any(|known| known == name))
    }
}

impl CommandPurposes {
    /// What a command is for; empty where it is not known.
    #[must_use]
    pub fn of(&self, name: &str) -> &str {
        let row = self.command.iter().find(|row| row.names.iter().any(|known| known == name));
        row.map_or("", |row| row.purpose.as_str())
    }
}

impl RuntimeLibraries {
    /// The row of a `-dev` package.
    #[must_use]
    pub fn get(&self, dev: &str) -> Option<&RuntimeLibrary> {
        self.library.iter().find(|row| row.dev == dev)
    }
}

impl PythonPackages {
    /// The row of a package, by its normalised name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&PythonPackage> {
        self.package.iter().find(|package| package.name == name)
    }

    /// Whether a package is in one of the lists of packages that need nothing.
    #[must_use]
    pub fn needs_nothing(&self, name: &str) -> bool {
        [&self.pure, &self.wheels].into_iter().any(|list| list.iter().any(|known| known == name))
    }
}

impl PackageManagers {
    /// The row with an id.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<&PackageManager> {
        self.manager.iter().find(|manager| manager.id == id)
    }
}

/// Whether a dotted version fulfils a comparison (`>=3.6`, `<8`, `>=3.6,<4`). An empty comparison holds for all.
#[must_use]
pub fn version_matches(version: &[u32], comparison: &str) -> bool {
    comparison.split(',').map(str::trim).filter(|part| !part.is_empty()).all(|part| {
        let end = part.find(|c: char| c.is_ascii_digit()).unwrap_or(part.len());
        let wanted = numbers(&part[end..]);
        let given: Vec<u32> = version.iter().copied().take(wanted.len()).collect();
        // `python:3` stands for the newest 3.x: a shorter version is taken for the newest it can be.
        let newest = given.len() < wanted.len() && wanted.starts_with(&given);
        match part[..end].trim() {
            ">=" => newest || given >= wanted,
            ">" => newest || given > wanted,
            "<=" => !newest && given <= wanted,
            "<" => !newest && given < wanted,
            _ => given == wanted,
        }
    })
}

/// The leading dotted number of a text: `3.11-slim` → `[3, 11]`.
#[must_use]
pub fn numbers(text: &str) -> Vec<u32> {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    text[..end].split('.').map_while(|part| part.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_table_can_be_read() {
        for (file, error) in FILES {
            assert_eq!(error(), None, "{file}");
        }
    }

    #[test]
    fn compares_versions() {
        assert!(version_matches(&[3, 11], ">=3.6"));
        assert!(version_matches(&[3], ">=3.6"));
        assert!(!version_matches(&[3, 5], ">=3.6"));
        assert!(version_matches(&[3, 11, 2], "<3.12"));
        assert!(!version_matches(&[4], "<4"));
        assert!(version_matches(&[], ""));
    }
}
