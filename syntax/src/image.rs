//! Image references of FROM, `COPY --from` and `--mount from=`.

use std::fmt;

/// `[registry[:port]/]repository[:tag][@digest]`, each part as written, variables included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageReference {
    /// Host and port before the first `/`, where there is one.
    pub registry: Option<String>,
    /// The path below the registry: `python`, `library/python`, `dotnet/sdk`.
    pub repository: String,
    /// After the `:`.
    pub tag: Option<String>,
    /// After the `@`: `sha256:…`.
    pub digest: Option<String>,
}

impl ImageReference {
    /// Takes a reference apart. Never fails: what does not fit is part of the repository.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let (name, digest) = cut_last(text, '@').map_or((text, None), |(name, digest)| (name, Some(digest)));
        let (name, tag) = cut_last(name, ':')
            .filter(|(_, tag)| find_outside_braces(tag, '/').is_none())
            .map_or((name, None), |(name, tag)| (name, Some(tag)));
        let (registry, repository) = match find_outside_braces(name, '/') {
            Some(slash) if is_registry(&name[..slash]) => (Some(&name[..slash]), &name[slash + 1..]),
            _ => (None, name),
        };
        Self {
            registry: registry.map(str::to_owned),
            repository: repository.to_owned(),
            tag: tag.map(str::to_owned),
            digest: digest.map(str::to_owned),
        }
    }

    /// Whether a variable stands in it.
    #[must_use]
    pub fn has_variable(&self) -> bool {
        [Some(&self.repository), self.registry.as_ref(), self.tag.as_ref(), self.digest.as_ref()]
            .into_iter()
            .flatten()
            .any(|part| part.contains('$'))
    }

    /// The name under which Docker Hub knows it (`library/` left out), or registry and path where it
    /// comes from elsewhere.
    #[must_use]
    pub fn familiar_name(&self) -> String {
        match self.registry.as_deref() {
            None | Some("docker.io" | "index.docker.io" | "registry-1.docker.io") => {
                self.repository.strip_prefix("library/").unwrap_or(&self.repository).to_owned()
            }
            Some(registry) => format!("{registry}/{}", self.repository),
        }
    }
}

impl fmt::Display for ImageReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(registry) = &self.registry {
            write!(f, "{registry}/")?;
        }
        f.write_str(&self.repository)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        if let Some(digest) = &self.digest {
            write!(f, "@{digest}")?;
        }
        Ok(())
    }
}

/// The first component is a registry when it could be a host: it has a dot or a port, or is `localhost`
/// (reference grammar of the distribution project). A variable alone is one too: nobody writes
/// `${USER}/image` for a path with as many meanings as `${REGISTRY}/image`.
fn is_registry(component: &str) -> bool {
    component == "localhost"
        || component.contains('$')
        || find_outside_braces(component, '.').is_some()
        || find_outside_braces(component, ':').is_some()
}

fn find_outside_braces(text: &str, wanted: char) -> Option<usize> {
    let mut depth = 0_usize;
    text.char_indices().find_map(|(at, c)| {
        match c {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            _ if c == wanted && depth == 0 => return Some(at),
            _ => {}
        }
        None
    })
}

fn cut_last(text: &str, mark: char) -> Option<(&str, &str)> {
    let mut depth = 0_usize;
    let at = text.char_indices().rev().find_map(|(at, c)| {
        match c {
            '}' => depth += 1,
            '{' => depth = depth.saturating_sub(1),
            _ if c == mark && depth == 0 => return Some(at),
            _ => {}
        }
        None
    })?;
    Some((&text[..at], &text[at + mark.len_utf8()..]))
}
