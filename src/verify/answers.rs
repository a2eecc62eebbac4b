//! What a server answers, and whether two answers are the same.

use serde_json::Value;
use std::collections::HashSet;
use std::net::SocketAddr;
use std::time::Duration;

/// How long an answer may take.
const LIMIT: Duration = Duration::from_secs(20);

/// How much of an answer is read.
const LONGEST: u64 = 4 << 20;

/// How many paths are asked for, those that were found included.
const MOST_PATHS: usize = 40;

/// Paths that are asked for without being told: the root, what health checks and documents of interfaces are
/// called, what is not there.
pub const USUAL_PATHS: &[&str] =
    &["/", "/health", "/healthz", "/api/health", "/openapi.json", "/dfix-is-not-there"];

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The content type, parameters left out.
    pub kind: String,
    /// Where it sends on to.
    pub location: String,
    /// What it says.
    pub body: Vec<u8>,
}

/// Asks for a path. `Err` says why there is no answer.
pub fn ask(address: SocketAddr, path: &str) -> Result<Answer, String> {
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .timeout_global(Some(LIMIT))
        .timeout_connect(Some(Duration::from_secs(2)))
        .http_status_as_error(false)
        .max_redirects(0)
        .proxy(None)
        .build()
        .into();
    let response = agent
        .get(format!("http://{address}{path}"))
        // The address differs from container to container; the name that they are called by does not.
        .header("Host", "localhost")
        .header("Accept", "*/*")
        .call()
        .map_err(|error| error.to_string())?;
    let header = |name: &str| {
        let value = response.headers().get(name).and_then(|value| value.to_str().ok());
        value.unwrap_or_default().to_owned()
    };
    let kind = header("content-type").split(';').next().unwrap_or_default().trim().to_owned();
    let (status, location) = (response.status().as_u16(), header("location"));
    let body = response
        .into_body()
        .into_with_config()
        .limit(LONGEST)
        .read_to_vec()
        .map_err(|error| error.to_string())?;
    Ok(Answer { status, kind, location, body })
}

/// Further paths that an answer names, in its order: what a page of HTML loads, what an OpenAPI document describes without
/// parameters.
pub fn paths_in(answer: &Answer, known: &[String]) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let Ok(text) = std::str::from_utf8(&answer.body) else { return Vec::new() };
    if answer.kind == "text/html" {
        for attribute in ["src=\"", "href=\""] {
            for rest in text.split(attribute).skip(1) {
                let link = rest.split('"').next().unwrap_or_default().replace("&amp;", "&");
                let link = link.split('#').next().unwrap_or_default();
                let link = link.strip_prefix("./").map_or_else(|| link.to_owned(), |rest| format!("/{rest}"));
                if link.starts_with('/') && !link.starts_with("//") && is_plain(&link) {
                    found.push(link);
                }
            }
        }
    } else if answer.kind == "application/json"
        && let Ok(Value::Object(document)) = serde_json::from_str(text)
        && document.contains_key("openapi")
    {
        let paths = document.get("paths").and_then(Value::as_object);
        for (path, methods) in paths.into_iter().flatten() {
            if methods.get("get").is_some() && !path.contains('{') && is_plain(path) {
                found.push(path.clone());
            }
        }
    }
    let room = MOST_PATHS.saturating_sub(known.len());
    let mut seen = HashSet::new();
    found.retain(|path| !known.contains(path) && seen.insert(path.clone()));
    found.truncate(room);
    found
}

fn is_plain(path: &str) -> bool {
    path.len() < 500
        && path.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'<' | b'>' | b'\\'))
}

/// Names of files and folders that only one of the images has: what a build makes up anew each time.
#[derive(Debug, Default)]
pub struct Made {
    /// Of the original.
    pub before: HashSet<String>,
    /// Of the plan.
    pub after: HashSet<String>,
}

/// How two texts differ: the first words that do. `again` is the first text once more, from another start:
/// what varies of itself is no difference; `made` are names that builds make up.
pub fn difference(old: &[u8], again: Option<&[u8]>, new: &[u8], made: &Made) -> Option<String> {
    if old == new {
        return None;
    }
    let (Ok(old), Ok(new)) = (std::str::from_utf8(old), std::str::from_utf8(new)) else {
        return again.is_none_or(|again| again == old).then(|| "other bytes".to_owned());
    };
    let (before, after) = (words(old), words(new));
    let again = again.map(|again| std::str::from_utf8(again).map(words).unwrap_or_default());
    if again.as_ref().is_some_and(|again| again.len() != before.len()) {
        // Not even the number of words is the same twice.
        return None;
    }
    if before.len() != after.len() {
        let at = before
            .iter()
            .zip(&after)
            .position(|(was, is)| was != is)
            .unwrap_or(before.len().min(after.len()));
        return Some(shown(before.get(at..).unwrap_or_default(), after.get(at..).unwrap_or_default()));
    }
    let at = before.iter().zip(&after).enumerate().position(|(at, (was, is))| {
        let varies = again.as_ref().is_some_and(|again| again.get(at) != Some(was));
        let made_up = made.before.contains(*was) && made.after.contains(*is);
        was != is && !varies && !made_up
    })?;
    Some(shown(&before[at..], &after[at..]))
}

fn words(text: &str) -> Vec<&str> {
    text.split(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '-' | '.')))
        .filter(|word| !word.is_empty())
        .collect()
}

fn shown(before: &[&str], after: &[&str]) -> String {
    let some = |words: &[&str]| match words {
        [] => "nothing".to_owned(),
        words => format!(
            "`{}`",
            words.iter().take(8).copied().collect::<Vec<_>>().join(" ").chars().take(120).collect::<String>()
        ),
    };
    format!("{} instead of {}", some(after), some(before))
}

/// How two answers differ.
pub fn compare(old: &Answer, again: Option<&Answer>, new: &Answer, made: &Made) -> Option<String> {
    if old.status != new.status {
        return again
            .is_none_or(|again| again.status == old.status)
            .then(|| format!("status {} instead of {}", new.status, old.status));
    }
    if old.kind != new.kind {
        return Some(format!("content type {} instead of {}", new.kind, old.kind));
    }
    let location = |answer: &Answer| answer.location.clone().into_bytes();
    let elsewhere = difference(&location(old), again.map(location).as_deref(), &location(new), made)
        .map(|what| format!("sends on to {what}"));
    elsewhere.or_else(|| {
        difference(&old.body, again.map(|answer| answer.body.as_slice()), &new.body, made)
            .map(|what| format!("says {what}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn differ(old: &str, again: Option<&str>, new: &str) -> Option<String> {
        let made =
            Made { before: HashSet::from(["aB3-x".to_owned()]), after: HashSet::from(["zY9_q".to_owned()]) };
        difference(old.as_bytes(), again.map(str::as_bytes), new.as_bytes(), &made)
    }

    #[test]
    fn what_varies_of_itself_is_no_difference() {
        assert_eq!(differ("at 10:01 ok", Some("at 10:02 ok"), "at 10:03 ok"), None);
        assert_eq!(
            differ("at 10:01 ok", Some("at 10:02 ok"), "at 10:03 bad").as_deref(),
            Some("`bad` instead of `ok`")
        );
        assert_eq!(differ("a b", None, "a c").as_deref(), Some("`c` instead of `b`"));
        assert_eq!(differ("a b", None, "a").as_deref(), Some("nothing instead of `b`"));
    }

    #[test]
    fn names_that_a_build_makes_up_are_no_difference() {
        assert_eq!(differ("/_next/static/aB3-x/m.js", None, "/_next/static/zY9_q/m.js"), None);
        assert!(differ("/_next/static/aB3-x/m.js", None, "/_next/static/other/m.js").is_some());
    }

    #[test]
    fn finds_paths_in_answers() {
        let page = |kind: &str, body: &str| Answer {
            kind: kind.to_owned(),
            body: body.as_bytes().to_vec(),
            ..Answer::default()
        };
        let html = page(
            "text/html",
            "<script src=\"/a.js\"></script><a href=\"//x/y\"> <link href=\"/b.css#x\"><img src=\"./c.png\">",
        );
        assert_eq!(paths_in(&html, &["/a.js".to_owned()]), ["/c.png", "/b.css"]);
        let document = page(
            "application/json",
            r#"{"openapi":"3","paths":{"/a":{"get":{}},"/b/{id}":{"get":{}},"/c":{"post":{}}}}"#,
        );
        assert_eq!(paths_in(&document, &[]), ["/a"]);
    }
}
