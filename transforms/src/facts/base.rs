//! What is known of a base image.

use crate::knowledge::{BASE_IMAGES, BaseImage, numbers, version_matches};
use dfix_syntax::ImageReference;

/// Which of an image's variants a tag names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Variant {
    /// No suffix, or only a release.
    Full,
    /// `-slim`.
    Slim,
    /// `-alpine`.
    Alpine,
    /// Another suffix.
    Other(String),
}

/// The base of a stage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Base {
    /// As written.
    pub written: String,
    /// With variables replaced by their defaults; `None` where one has none.
    pub reference: Option<ImageReference>,
    /// Whether a variable stands in it.
    pub computed: bool,
    /// The row of the table of base images.
    pub image: Option<&'static str>,
    /// The leading number of the tag.
    pub version: Vec<u32>,
    /// The variant.
    pub variant: Variant,
    /// The release of the distribution that the tag names.
    pub named_release: Option<String>,
}

impl Base {
    /// Takes a base apart. `resolved` is the reference with variables replaced.
    #[must_use]
    pub fn of(written: &str, resolved: Option<&str>) -> Self {
        let reference = resolved.map(ImageReference::parse);
        let row = reference.as_ref().and_then(|reference| BASE_IMAGES.get(&reference.familiar_name()));
        let tag = reference.as_ref().and_then(|reference| reference.tag.clone()).unwrap_or_default();
        let (version, variant, named_release) =
            row.map_or((numbers(&tag), Variant::Full, None), |row| take_apart(&tag, row));
        Self {
            written: written.to_owned(),
            computed: written.contains('$'),
            image: row.map(|row| row.name.as_str()),
            reference,
            version,
            variant,
            named_release,
        }
    }

    /// Its row.
    #[must_use]
    pub fn row(&self) -> Option<&'static BaseImage> {
        BASE_IMAGES.get(self.image?)
    }

    /// `python`, `node`…; empty where unknown.
    #[must_use]
    pub fn family(&self) -> &'static str {
        self.row().map_or("", |row| row.family.as_str())
    }

    /// The package manager of the variant; empty where unknown.
    #[must_use]
    pub fn package_manager(&self) -> &'static str {
        match self.variant {
            Variant::Alpine => "apk",
            _ => self.row().map_or("", |row| row.package_manager.as_str()),
        }
    }

    /// The release of the distribution, named or by default.
    #[must_use]
    pub fn release(&self) -> Option<&str> {
        if let Some(release) = &self.named_release {
            return Some(release);
        }
        let row = self.row()?;
        row.default_release
            .iter()
            .find(|default| version_matches(&self.version, &default.versions))
            .map(|default| default.release.as_str())
    }

    /// Whether it is a Windows image.
    #[must_use]
    pub fn is_windows(&self) -> bool {
        let name = self.written.to_ascii_lowercase();
        ["windows", "nanoserver", "servercore"].iter().any(|word| name.contains(word))
    }

    /// Whether it is a Linux image on every platform. A tag without a variant may stand for a Windows image, too.
    #[must_use]
    pub fn is_linux(&self) -> bool {
        let named = self.variant != Variant::Full || self.named_release.is_some();
        self.row().is_some_and(|row| !row.windows || named) && !self.is_windows()
    }

    /// The tag of its slim variant. `None` where there is none, or where it is not known to exist.
    #[must_use]
    pub fn slim_tag(&self) -> Option<String> {
        let row = self.row()?;
        if row.slim != "suffix" || self.variant != Variant::Full {
            return None;
        }
        let tag = self.reference.as_ref()?.tag.clone().unwrap_or_default();
        let release_first = row.slim_release_order == "release-slim";
        if !version_matches(&self.version, &row.slim_versions) {
            return None;
        }
        Some(match &self.named_release {
            Some(release) if tag == *release => match release_first {
                true => format!("{release}-slim"),
                false => format!("slim-{release}"),
            },
            Some(release) => {
                let head = tag.strip_suffix(&format!("-{release}"))?;
                if release_first {
                    format!("{head}-{release}-slim")
                } else {
                    format!("{head}-slim-{release}")
                }
            }
            None if tag.is_empty() || tag == "latest" => match row.latest_slim.as_str() {
                "" => "slim".to_owned(),
                named => named.to_owned(),
            },
            None => format!("{tag}-slim"),
        })
    }

    /// The tag of its alpine variant.
    #[must_use]
    pub fn alpine_tag(&self) -> Option<String> {
        let row = self.row()?;
        if row.alpine_order != "suffix" || !matches!(self.variant, Variant::Full | Variant::Slim) {
            return None;
        }
        if self.named_release.is_some() || !version_matches(&self.version, &row.alpine_versions) {
            return None;
        }
        let tag = self.reference.as_ref()?.tag.clone().unwrap_or_default();
        let head = tag.strip_suffix("-slim").unwrap_or(&tag);
        Some(if head.is_empty() || head == "latest" || head == "slim" {
            "alpine".to_owned()
        } else {
            format!("{head}-alpine")
        })
    }

    /// The reference as written, with another tag. `None` where the tag is not written out or a digest pins it.
    #[must_use]
    pub fn with_tag(&self, tag: &str) -> Option<String> {
        if self.computed {
            return None;
        }
        let mut reference = self.reference.clone().filter(|reference| reference.digest.is_none())?;
        reference.tag = Some(tag.to_owned());
        Some(reference.to_string())
    }
}

fn take_apart(tag: &str, row: &BaseImage) -> (Vec<u32>, Variant, Option<String>) {
    let version = numbers(tag);
    let mut release = None;
    let mut variant = Variant::Full;
    let mut others = Vec::new();
    for (at, part) in tag.split('-').enumerate() {
        if row.releases.iter().any(|known| known == part) {
            release = Some(part.to_owned());
        } else if part == "slim" {
            variant = Variant::Slim;
        } else if part.starts_with("alpine") {
            variant = Variant::Alpine;
        } else if at > 0
            || !(part.is_empty()
                || part == "latest"
                || part.starts_with(|c: char| c.is_ascii_digit())
                || is_line(part))
        {
            others.push(part);
        }
    }
    if !others.is_empty() {
        variant = Variant::Other(others.join("-"));
    }
    (version, variant, release)
}

/// Names of release lines that stand where a version does (`node:lts`, `node:current`, `golang:tip`).
fn is_line(part: &str) -> bool {
    matches!(part, "lts" | "current" | "stable" | "oldstable" | "testing" | "rolling" | "edge")
}
