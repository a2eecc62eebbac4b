//! What a proof found, for people and for machines.

use super::{clean, count, wrap};
use crate::output::Paint;
use crate::verify::outcome::{Checks, Fault, Measures};
use crate::verify::{Proof, Verdict};
use serde::Serialize;
use std::fmt::Write as _;
use std::path::PathBuf;

/// Of the JSON that is printed; another one where fields change their meaning.
const VERSION: u32 = 1;

/// Where the values of a table stand.
const LABELS: usize = 36;

/// A file that nothing can be said about.
#[derive(Debug, Serialize)]
pub struct Failure {
    /// The Dockerfile.
    pub path: PathBuf,
    /// Why.
    pub message: String,
}

/// All proofs of a run, as docs/verify-schema.json describes them.
#[derive(Serialize)]
struct Document<'d> {
    version: u32,
    proofs: &'d [Proof],
    errors: &'d [Failure],
    total: Option<Sums>,
}

/// What is gained over several Dockerfiles.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Sums {
    /// How many were measured before and after.
    files: usize,
    /// Bytes on the disk.
    size: (u64, u64),
    /// Seconds of cold builds, where all were timed.
    cold: Option<(f64, f64)>,
    /// Seconds of rebuilds after a line of the sources changed, where all were timed.
    rebuild: Option<(f64, f64)>,
    /// The geometric mean of the sizes, each in proportion to the one before.
    size_ratio: f64,
}

/// All proofs as JSON.
///
/// # Errors
/// When a path is not text.
pub fn json(proofs: &[Proof], errors: &[Failure]) -> serde_json::Result<String> {
    let document = Document { version: VERSION, proofs, errors, total: Sums::of(proofs) };
    Ok(serde_json::to_string_pretty(&document)? + "\n")
}

impl Sums {
    /// `None` where nothing was measured.
    fn of(proofs: &[Proof]) -> Option<Self> {
        let pairs: Vec<(&Measures, &Measures)> =
            proofs.iter().filter_map(|proof| Some((proof.before.as_ref()?, proof.after.as_ref()?))).collect();
        if pairs.is_empty() {
            return None;
        }
        let timed = |time: fn(&Measures) -> Option<f64>| {
            let both: Option<Vec<(f64, f64)>> =
                pairs.iter().map(|(before, after)| Some((time(before)?, time(after)?))).collect();
            let both = both?;
            Some((both.iter().map(|pair| pair.0).sum(), both.iter().map(|pair| pair.1).sum()))
        };
        #[allow(clippy::cast_precision_loss, reason = "a ratio for people")]
        let logs: f64 =
            pairs.iter().map(|(before, after)| (after.size as f64 / before.size.max(1) as f64).ln()).sum();
        #[allow(clippy::cast_precision_loss, reason = "a handful")]
        let number = pairs.len() as f64;
        Some(Self {
            files: pairs.len(),
            size: (
                pairs.iter().map(|(before, _)| before.size).sum(),
                pairs.iter().map(|(_, after)| after.size).sum(),
            ),
            cold: timed(|measures| measures.cold),
            rebuild: timed(|measures| measures.rebuild),
            size_ratio: (logs / number).exp(),
        })
    }
}

/// What was found about one Dockerfile.
pub fn table(proof: &Proof, verbose: bool, paint: Paint) -> String {
    let mut text = format!("{}\n", paint.bold(clean(&proof.path.display().to_string())));
    let _ = writeln!(text, "  {}", headline(proof, paint));
    for fault in &proof.faults {
        write_fault(&mut text, fault, paint);
    }
    for step in &proof.steps {
        let what = format!("{} (line {}): {}", step.transform, step.line, clean(&step.message));
        let _ = writeln!(text, "    {} {}", paint.green("+"), wrap(&what, 6, paint.width()));
    }
    if let Some(before) = &proof.before {
        write_measures(&mut text, proof, before);
    }
    if proof.verdict != Verdict::NothingToProve {
        write_checks(&mut text, &proof.checks, verbose, paint);
    }
    if let Some(logs) = &proof.logs {
        let _ = writeln!(text, "  the output of the builds is in {}", logs.display());
    }
    text.push('\n');
    text
}

fn headline(proof: &Proof, paint: Paint) -> String {
    let steps = count(proof.steps.len(), "step");
    let engine = &proof.engine;
    let written = if proof.written { ", and written" } else { "" };
    match proof.verdict {
        Verdict::NothingToProve => "nothing to change, so nothing to prove".to_owned(),
        Verdict::Proven => paint.green(format_args!("proven on {engine}: {steps}{written}")).to_string(),
        Verdict::Repaired => paint
            .yellow(format_args!("proven on {engine} once it was repaired: {steps}{written}"))
            .to_string(),
        Verdict::Reduced => {
            paint.yellow(format_args!("proven on {engine} in part: {steps}{written}")).to_string()
        }
        Verdict::Refuted => {
            paint.red(format_args!("not proven on {engine}: the file is better left as it is")).to_string()
        }
    }
}

fn write_fault(text: &mut String, fault: &Fault, paint: Paint) {
    let who =
        if fault.transforms.is_empty() { "no single step".to_owned() } else { fault.transforms.join(", ") };
    let lines: Vec<String> = fault.lines.iter().map(usize::to_string).collect();
    let place = match lines.len() {
        0 => String::new(),
        1 => format!(" (line {})", lines[0]),
        _ => format!(" (lines {})", lines.join(", ")),
    };
    let are = if fault.transforms.len() > 1 { "are" } else { "is" };
    let _ = writeln!(text, "    {} {}{place} {are} at fault:", paint.red("-"), paint.bold(who));
    for problem in &fault.problems {
        for (number, line) in problem.what.lines().enumerate() {
            let indent = if number == 0 { 8 } else { 10 };
            let _ = writeln!(text, "{:indent$}{}", "", wrap(&clean(line), indent + 2, paint.width()));
        }
    }
    let _ = writeln!(text, "      {}", wrap(&clean(&fault.remedy), 8, paint.width()));
}

fn write_measures(text: &mut String, proof: &Proof, before: &Measures) {
    let after = proof.after.as_ref();
    let _ = writeln!(
        text,
        "    {:LABELS$}{:>10}{:>10}",
        "",
        "before",
        if after.is_some() { "after" } else { "" }
    );
    let mut row = |label: &str, was: Option<String>, is: Option<String>, change: Option<f64>| {
        let Some(was) = was else { return };
        let change = change.map(|ratio| format!("{:+.0}%", (ratio - 1.0) * 100.0)).unwrap_or_default();
        let line = format!("    {label:LABELS$}{was:>10}{:>10}{change:>8}", is.unwrap_or_default());
        let _ = writeln!(text, "{}", line.trim_end());
    };
    let mut sized = |label: &str, of: fn(&Measures) -> Option<u64>| {
        let (was, is) = (of(before), after.and_then(of));
        row(label, was.map(bytes), is.map(bytes), ratio(was, is));
    };
    sized("size", |measures| Some(measures.size));
    sized("compressed", |measures| measures.compressed);
    sized("build context", |measures| Some(measures.context));
    let layers = |measures: &Measures| measures.layers.len().to_string();
    row("layers", Some(layers(before)), after.map(layers), None);
    let mut timed = |label: &str, of: fn(&Measures) -> Option<f64>| {
        let (was, is) = (of(before), after.and_then(of));
        row(label, was.map(seconds), is.map(seconds), was.zip(is).map(|(was, is)| is / was.max(0.001)));
    };
    timed("cold build", |measures| measures.cold);
    timed(&named("rebuild", proof.edited.as_deref()), |measures| measures.rebuild);
    timed(&named("rebuild", proof.manifest.as_deref()), |measures| measures.rebuild_dependencies);
}

fn named(what: &str, file: Option<&str>) -> String {
    let name = file.unwrap_or_default();
    let long: String = format!("{what} ({name} edited)");
    if long.len() < LABELS {
        long
    } else {
        format!("{what} ({} edited)", name.rsplit('/').next().unwrap_or(name))
    }
}

fn write_checks(text: &mut String, checks: &Checks, verbose: bool, paint: Paint) {
    let mut line = |label: &str, what: String| {
        let _ = writeln!(
            text,
            "    {} {}",
            paint.cyan(format_args!("{label:<8}")),
            wrap(&clean(&what), 13, paint.width())
        );
    };
    let declared: Vec<String> = checks
        .config
        .iter()
        .filter_map(|one| Some(format!("{} ({})", one.field, one.declared_by.as_ref()?)))
        .collect();
    line(
        "config",
        match declared.len() {
            0 => "the same".to_owned(),
            _ => format!("differs as declared: {}", declared.join(", ")),
        },
    );
    let kinds: Vec<String> = checks
        .files
        .iter()
        .filter(|(_, difference)| difference.gone > 0)
        .map(|(kind, difference)| {
            format!("{} {kind} ({})", bytes(difference.gone_bytes), count(difference.gone, "file"))
        })
        .collect();
    let own = count(checks.own_files, "file");
    let gone = if kinds.is_empty() { String::new() } else { format!("; gone: {}", kinds.join(", ")) };
    line("files", format!("{own} of the application's own the same{gone}"));
    if !checks.own_files_left_behind.is_empty() {
        let left = &checks.own_files_left_behind;
        let some = if verbose { left.len() } else { left.len().min(4) };
        let more = if left.len() > some { ", …" } else { "" };
        line(
            "",
            format!(
                "{} stay in an earlier stage: {}{more}",
                count(left.len(), "file"),
                left[..some].join(", ")
            ),
        );
    }
    let (was, is) = checks.packages;
    if was + is > 0 {
        line("packages", format!("{was} installed before, {is} after"));
    }
    line("look", format!("{} looked into (programs, libraries, scripts)", count(checks.looked_at, "file")));
    for said in &checks.run {
        line("run", said.clone());
    }
    for note in &checks.notes {
        let _ = writeln!(text, "    {} {}", paint.yellow("note:   "), wrap(&clean(note), 13, paint.width()));
    }
}

/// What is gained over all of them.
pub fn sums(proofs: &[Proof], paint: Paint) -> String {
    let Some(sums) = Sums::of(proofs) else { return String::new() };
    let mut text = format!(
        "{} {} → {} ({:+.0}%; geometric mean {:+.0}%), {} saved\n",
        paint.bold(format_args!("{}:", count(sums.files, "image"))),
        bytes(sums.size.0),
        bytes(sums.size.1),
        (ratio(Some(sums.size.0), Some(sums.size.1)).unwrap_or(1.0) - 1.0) * 100.0,
        (sums.size_ratio - 1.0) * 100.0,
        bytes(sums.size.0.saturating_sub(sums.size.1)),
    );
    let average = |total: u64| bytes(total / u64::try_from(sums.files.max(1)).unwrap_or(1));
    let _ = writeln!(text, "  average image {} → {}", average(sums.size.0), average(sums.size.1));
    for (label, times) in [("cold builds", sums.cold), ("rebuilds after an edit", sums.rebuild)] {
        if let Some((was, is)) = times {
            let _ = writeln!(text, "  {label} {} → {}", seconds(was), seconds(is));
        }
    }
    text
}

#[allow(clippy::cast_precision_loss, reason = "a ratio for people")]
fn ratio(was: Option<u64>, is: Option<u64>) -> Option<f64> {
    Some(is? as f64 / was.filter(|was| *was > 0)? as f64)
}

/// Bytes for people, in powers of ten as engines print them.
fn bytes(count: u64) -> String {
    #[allow(clippy::cast_precision_loss, reason = "three digits are shown")]
    let mut value = count as f64;
    for unit in ["B", "kB", "MB"] {
        if value < 999.5 {
            return if value < 10.0 && unit != "B" {
                format!("{value:.1} {unit}")
            } else {
                format!("{value:.0} {unit}")
            };
        }
        value /= 1000.0;
    }
    format!("{value:.2} GB")
}

fn seconds(time: f64) -> String {
    format!("{time:.1} s")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verify::outcome::{
        Check, ConfigDifference, FileDifference, Lack, LayerMeasure, Problem, ProvenStep,
    };
    use serde_json::Value;

    fn measured(size: u64, cold: f64) -> Measures {
        Measures { size, cold: Some(cold), rebuild: Some(cold / 2.0), ..Measures::default() }
    }

    fn proof() -> Proof {
        Proof {
            path: PathBuf::from("api/Dockerfile"),
            verdict: Verdict::Repaired,
            engine: "docker 26.1.5".to_owned(),
            edited: Some("main.py".to_owned()),
            before: Some(measured(1_200_000_000, 40.0)),
            after: Some(measured(300_000_000, 30.0)),
            steps: vec![ProvenStep {
                transform: "split-stages".to_owned(),
                line: 1,
                message: "two stages".to_owned(),
            }],
            faults: vec![Fault {
                transforms: vec!["split-stages".to_owned()],
                lines: vec![1],
                problems: vec![Problem::new(Check::Look, "libpq.so.5 is missing")],
                remedy: "libpq5 is installed".to_owned(),
            }],
            ..Proof::default()
        }
    }

    #[test]
    fn a_table_says_what_matters() {
        let text = table(&proof(), false, Paint::plain());
        for part in [
            "api/Dockerfile\n",
            "proven on docker 26.1.5 once it was repaired: 1 step\n",
            "- split-stages (line 1) is at fault:\n        libpq.so.5 is missing\n      libpq5 is installed\n",
            "    size                                   1.20 GB    300 MB    -75%\n",
            "    rebuild (main.py edited)                20.0 s    15.0 s    -25%\n",
            "config   the same\n",
        ] {
            assert!(text.contains(part), "{part:?} is not in\n{text}");
        }
    }

    #[test]
    fn sums_up() {
        let proofs =
            [proof(), Proof { after: Some(measured(75_000_000, 30.0)), ..proof() }, Proof::default()];
        let sums = Sums::of(&proofs).unwrap();
        assert_eq!((sums.files, sums.size, sums.cold), (2, (2_400_000_000, 375_000_000), Some((80.0, 60.0))));
        assert!((sums.size_ratio - 0.125).abs() < 1e-9);
        assert_eq!(Sums::of(&[Proof::default()]), None);
    }

    #[test]
    fn sizes_are_short() {
        for (size, text) in [
            (0, "0 B"),
            (999, "999 B"),
            (1_234, "1.2 kB"),
            (999_600, "1.0 MB"),
            (333_000_000, "333 MB"),
            (1_200_000_000, "1.20 GB"),
        ] {
            assert_eq!(bytes(size), text);
        }
    }

    /// Holds a value against a part of the schema: its type, the names of its fields, its parts.
    fn hold(value: &Value, schema: &Value, whole: &Value, place: &str) -> Result<(), String> {
        if let Some(reference) = schema["$ref"].as_str() {
            let name = reference.trim_start_matches("#/$defs/");
            return hold(value, &whole["$defs"][name], whole, place);
        }
        if let Some(choices) = schema["oneOf"].as_array() {
            let fits = choices.iter().any(|choice| hold(value, choice, whole, place).is_ok());
            return if fits { Ok(()) } else { Err(format!("{place} fits none of the choices: {value}")) };
        }
        if schema.get("const").is_some_and(|only| only != value)
            || schema["enum"].as_array().is_some_and(|known| !known.contains(value))
        {
            return Err(format!("{place} is {value}"));
        }
        let is = match value {
            Value::Null => "null",
            Value::Bool(_) => "boolean",
            Value::Number(number) if number.is_f64() => "number",
            Value::Number(_) => "integer",
            Value::String(_) => "string",
            Value::Array(_) => "array",
            Value::Object(_) => "object",
        };
        let types: Vec<&str> = match &schema["type"] {
            Value::String(one) => vec![one],
            Value::Array(many) => many.iter().filter_map(Value::as_str).collect(),
            _ => vec![is],
        };
        if !types.contains(&is) {
            return Err(format!("{place} is of type {is}"));
        }
        for (at, item) in value.as_array().into_iter().flatten().enumerate() {
            let part = if schema["items"].is_null() { &schema["prefixItems"][at] } else { &schema["items"] };
            hold(item, part, whole, &format!("{place}[{at}]"))?;
        }
        let Some(fields) = value.as_object() else { return Ok(()) };
        for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            if !fields.contains_key(name) {
                return Err(format!("{place}.{name} is missing"));
            }
        }
        for (name, field) in fields {
            let part = schema["properties"].get(name).unwrap_or(&schema["additionalProperties"]);
            if part == false {
                return Err(format!("{place}.{name} is not described"));
            }
            hold(field, part, whole, &format!("{place}.{name}"))?;
        }
        Ok(())
    }

    #[test]
    fn json_is_as_the_schema_says() {
        let schema = include_str!("../../docs/verify-schema.json");
        let schema: Value = serde_json::from_str(schema).unwrap();
        let mut full = proof();
        full.faults[0].problems[0].lacks =
            Some(Lack { package: "libpq5".to_owned(), file: "libpq.so.5".to_owned() });
        full.checks.files.insert("caches".to_owned(), FileDifference::default());
        full.checks.config.push(ConfigDifference {
            field: "USER".to_owned(),
            before: None,
            after: Some("app".to_owned()),
            declared_by: None,
        });
        full.checks.run.push("both end".to_owned());
        let layer = LayerMeasure { instruction: "RUN x".to_owned(), size: 1, compressed: Some(1) };
        full.after.as_mut().unwrap().layers.push(layer);
        let failures = [Failure { path: PathBuf::from("x"), message: "y".to_owned() }];
        for text in [json(&[full, Proof::default()], &failures).unwrap(), json(&[], &[]).unwrap()] {
            let document: Value = serde_json::from_str(&text).unwrap();
            assert_eq!(hold(&document, &schema, &schema, "$"), Ok(()));
        }
        let wrong = serde_json::json!({"version": 1, "proofs": [], "errors": [{"path": 1}], "total": null});
        assert!(hold(&wrong, &schema, &schema, "$").is_err());
    }
}
