//! Which tag a base has as its slim form, and how it is written.

use crate::context::BuildContext;
use crate::facts::{Base, StageFacts, Variant};
use crate::options;
use crate::plan::Situation;
use dfix_syntax::{ImageReference, Kind, variables_of};

/// The form to aim at.
pub(super) enum Form {
    /// Nothing to say about.
    None,
    /// It would be there, but can't be written.
    Declined(String),
    /// This.
    Found(Target),
}

/// The smaller base.
pub(super) struct Target {
    /// As it is to be written.
    pub written: String,
    /// As it is called, variables replaced.
    pub name: String,
    /// What was found on the way.
    pub evidence: Vec<String>,
    /// What could not be looked at.
    pub doubts: Vec<String>,
}

pub(super) fn of(situation: Situation<'_>, root: &StageFacts) -> Form {
    let base = &root.base;
    let alpine = situation.options.base == options::Base::Alpine;
    let Some(row) = base.row() else { return Form::None };
    if base.is_windows() {
        return Form::None;
    }
    if !row.deprecated.is_empty() {
        return Form::Declined(format!("{} should not be used any more: {}", row.name, row.deprecated));
    }
    let wanted = match base.variant {
        Variant::Full => true,
        Variant::Slim => alpine,
        Variant::Alpine | Variant::Other(_) => false,
    };
    if !wanted {
        return Form::None;
    }
    let Some(reference) = &base.reference else { return Form::None };
    let tag = if alpine { base.alpine_tag() } else { base.slim_tag() };
    let Some(tag) = tag else {
        return match &base.named_release {
            Some(release) if alpine && !row.alpine_order.is_empty() => Form::Declined(format!(
                "the tag names the Debian release {release}, which Alpine does not stand on; leave {release} out, or keep the base"
            )),
            _ => Form::None,
        };
    };
    let name = format!("{}:{tag}", reference.familiar_name());
    if reference.digest.is_some() {
        return Form::Declined(format!(
            "the base is pinned by digest, which holds for this image only; pin {name} by its own digest"
        ));
    }
    if !base.computed {
        return match base.with_tag(&tag) {
            Some(written) => Form::Found(Target { written, name, evidence: Vec::new(), doubts: Vec::new() }),
            None => Form::None,
        };
    }
    computed(situation, base, &tag, name)
}

/// A base with variables: only the tag may have them, and what follows the variable is written out.
fn computed(situation: Situation<'_>, base: &Base, tag: &str, name: String) -> Form {
    let mut written = ImageReference::parse(&base.written);
    let variables = variables_of(&base.written);
    let listed = variables.join(", ");
    let resolved = base.reference.as_ref().and_then(|reference| reference.tag.clone()).unwrap_or_default();
    let Some(old) = written.tag.clone() else {
        return Form::Declined(format!(
            "the image is named by the variable {listed}; change its default to {name} if nothing else sets it"
        ));
    };
    // A variable for the form of the image (`${SUFFIX}`) leaves no place for another one.
    let is_version = |name: &String| {
        let pairs = situation.tree.global_args().iter().filter_map(|arg| match arg.kind() {
            Kind::Arg(pairs) => Some(pairs),
            _ => None,
        });
        let pair = pairs.flatten().rfind(|pair| pair.name == *name);
        let value = pair.and_then(|pair| pair.value.as_ref()).and_then(|word| word.literal('\\'));
        value.is_some_and(|value| {
            value.starts_with(|c: char| c.is_ascii_digit()) || base.named_release.as_ref() == Some(&value)
        })
    };
    if !variables_of(&old).iter().all(is_version) {
        return Form::Declined(format!(
            "the tag is put together from {listed}, which need not be a version; write {name} if it is"
        ));
    }
    let new = if *tag == format!("{resolved}-slim") && !resolved.is_empty() {
        Some(format!("{old}-slim"))
    } else if *tag == format!("{resolved}-alpine") && !resolved.is_empty() {
        Some(format!("{old}-alpine"))
    } else {
        base.named_release.as_ref().and_then(|release| {
            let end = format!("-{release}");
            let head = old.strip_suffix(end.as_str())?;
            (*tag == format!("{}-slim{end}", resolved.strip_suffix(end.as_str())?))
                .then(|| format!("{head}-slim{end}"))
        })
    };
    let Some(new) = new else {
        return Form::Declined(format!(
            "the tag is put together from {listed} in a way that leaves no place for -slim; write {name}"
        ));
    };
    written.tag = Some(new);
    let mut doubts = Vec::new();
    match situation.context {
        None => doubts.push(format!(
            "the build context is not known, and may set {listed} to a tag without such a form"
        )),
        Some(context) => {
            for variable in &variables {
                if let Some(place) = other_value(context, variable) {
                    return Form::Declined(format!(
                        "{place}, so -slim can't be written behind {variable} here"
                    ));
                }
            }
        }
    }
    Form::Found(Target {
        written: written.to_string(),
        evidence: vec![format!(
            "{listed} has a default that makes it {name}; the files of the build context set no value that would not do"
        )],
        name,
        doubts,
    })
}

/// Where a file of the context sets a variable to something that is more than a version.
fn other_value(context: &BuildContext, variable: &str) -> Option<String> {
    let files = context.under("").map(|(path, _)| path).filter(|path| {
        let name = path.rsplit('/').next().unwrap_or(path);
        let ending = name.rsplit('.').next().unwrap_or(name);
        matches!(ending, "yml" | "yaml" | "hcl" | "env" | "sh" | "mk" | "toml")
            || matches!(name, "Makefile" | "Jenkinsfile" | "justfile")
    });
    for path in files.take(500) {
        let Some(text) = context.text(path) else { continue };
        for (number, line) in text.lines().enumerate() {
            let Some((_, rest)) = line.split_once(variable) else { continue };
            let Some(value) = rest.trim_start().strip_prefix([':', '=']) else { continue };
            let value = value.trim().trim_matches(['"', '\'', ',']);
            let value = value.split_whitespace().next().unwrap_or_default();
            let plain = value.starts_with(|c: char| c.is_ascii_digit())
                && value.chars().all(|c| c.is_ascii_digit() || c == '.');
            if !value.is_empty() && !plain {
                return Some(format!("{path}:{} sets {variable} to {value}", number + 1));
            }
        }
    }
    None
}
