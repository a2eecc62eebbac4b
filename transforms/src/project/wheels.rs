//! What a lock file says about how its packages are distributed.

use super::python::locked_wheels;
use crate::context::BuildContext;
use std::collections::BTreeMap;

/// How a locked package gets into an environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wheel {
    /// A wheel without compiled code.
    Pure,
    /// A wheel for Linux and this Python. Its libraries are in it (PEP 600).
    Compiled,
    /// Neither: it is built from source.
    Source,
}

/// The packages of a lock file of Poetry, uv or PDM by name, as far as it names their wheels. `python` is the
/// version that they are installed for.
#[must_use]
pub fn wheels(context: &BuildContext, path: &str, python: &[u32]) -> BTreeMap<String, Wheel> {
    let listed = locked_wheels(context, path).into_iter().filter(|(_, names)| !names.is_empty());
    listed.map(|(package, names)| (package, best(&names, python))).collect()
}

/// The best of a release's files. `name-version(-build)?-python-abi-platform.whl` (binary distribution format).
fn best(names: &[String], python: &[u32]) -> Wheel {
    let tags = names.iter().filter_map(|name| {
        let mut parts = name.strip_suffix(".whl")?.rsplitn(4, '-');
        Some((parts.next()?, parts.next()?, parts.next()?))
    });
    let tags: Vec<(&str, &str, &str)> = tags.collect();
    if tags.iter().any(|(platform, abi, _)| *platform == "any" && *abi == "none") {
        return Wheel::Pure;
    }
    let fits = |(platform, abi, version): &(&str, &str, &str)| {
        platform.contains("manylinux")
            && platform.contains("x86_64")
            && version.split('.').any(|version| match python {
                [3, minor, ..] => {
                    let wanted: Option<u32> =
                        version.strip_prefix("cp3").and_then(|minor| minor.parse().ok());
                    version == "py3"
                        || wanted == Some(*minor)
                        || *abi == "abi3" && wanted.is_some_and(|oldest| oldest <= *minor)
                }
                _ => false,
            })
    };
    if tags.iter().any(fits) { Wheel::Compiled } else { Wheel::Source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_wheels_apart() {
        let lock = r#"
[[package]]
name = "Pure"
files = [{ file = "pure-1.0-py3-none-any.whl", hash = "sha256:0" }, { file = "pure-1.0.tar.gz", hash = "" }]
[[package]]
name = "compiled"
wheels = [{ url = "files/compiled-1-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl" }]
[[package]]
name = "stable"
wheels = [{ url = "files/stable-1-cp37-abi3-manylinux_2_28_x86_64.whl" }]
[[package]]
name = "other"
wheels = [{ url = "files/other-1-cp312-cp312-manylinux_2_28_x86_64.whl" }, { url = "other-1-cp311-cp311-win_amd64.whl" }]
[[package]]
name = "silent"
version = "1"
"#;
        let context = BuildContext::of_texts([("uv.lock", lock)]);
        let found = wheels(&context, "uv.lock", &[3, 11]);
        let expected = [
            ("compiled", Wheel::Compiled),
            ("other", Wheel::Source),
            ("pure", Wheel::Pure),
            ("stable", Wheel::Compiled),
        ];
        assert_eq!(found.iter().map(|(n, w)| (n.as_str(), *w)).collect::<Vec<_>>(), expected);
        assert!(wheels(&context, "poetry.lock", &[3, 11]).is_empty());
    }
}
