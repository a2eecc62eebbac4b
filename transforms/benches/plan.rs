//! How long reading and planning take, and how that grows with the length of the file.
//!
//! `cargo bench -p dfix-transforms`. Each benchmark makes a new tree, as nothing that a tree remembers would
//! be left from one file to the next.

#![allow(clippy::unwrap_used, reason = "a benchmark")]

use dfix_syntax::Dockerfile;
use dfix_transforms::{Facts, Options, Plan, plan};
use divan::{Bencher, black_box, counter::BytesCount};

fn main() {
    divan::main();
}

const SMALL: &str = "\
FROM python:3.11
WORKDIR /app
COPY . .
RUN pip install -r requirements.txt
CMD [\"python\", \"app.py\"]
";

const TYPICAL: &str = "\
# syntax=docker/dockerfile:1
ARG PYTHON=3.11
FROM python:${PYTHON} AS base
ENV PYTHONUNBUFFERED=1 \\
    PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /srv/app

# What the image library needs
RUN apt-get update
RUN apt-get install -y --no-install-recommends libjpeg-dev zlib1g-dev curl git
RUN rm -rf /var/lib/apt/lists/*

FROM base AS assets
RUN curl -fsSL https://example.org/setup_20.x | bash - && \\
    apt-get install -y nodejs && \\
    npm install -g yarn
COPY frontend/ frontend/
RUN cd frontend && yarn install --frozen-lockfile && yarn build

FROM base
COPY . .
RUN pip install --upgrade pip && \\
    pip install -r requirements.txt && \\
    if [ \"$DEBUG\" = 1 ]; then pip install -r requirements-dev.txt; fi
COPY --from=assets /srv/app/frontend/dist static/
RUN groupadd -r app && useradd -r -g app app
RUN chown -R app:app /srv/app
USER app
EXPOSE 8000
HEALTHCHECK --interval=30s CMD curl -f http://localhost:8000/health || exit 1
ENTRYPOINT [\"./entrypoint.sh\"]
CMD [\"gunicorn\", \"--bind\", \"0.0.0.0:8000\", \"app.wsgi\"]
";

/// A file of about `bytes` that the chain finds something to do in.
fn file(bytes: usize) -> String {
    let mut text = String::from("FROM debian:12\n");
    let mut number = 0;
    while text.len() < bytes {
        number += 1;
        text.push_str(&format!(
            "# part {number}\nENV PART={number}\nRUN apt-get update && \\\n    apt-get install -y part-{number}\n\
             RUN rm -rf /var/lib/apt/lists/*\nCOPY part{number}/ /srv/part{number}/\n\
             RUN make -C /srv/part{number} all && echo \"done: ${{PART}}\" >> /var/log/parts\n"
        ));
    }
    text
}

/// As many RUNs, all different.
fn runs(count: usize) -> String {
    let runs = (0..count).map(|number| format!("RUN apt-get install -y p{number} && touch /srv/{number}\n"));
    std::iter::once("FROM debian:12\n".to_owned()).chain(runs).collect()
}

fn inputs() -> [(&'static str, String); 3] {
    [("small", SMALL.to_owned()), ("typical", TYPICAL.to_owned()), ("30 KB", file(30_000))]
}

fn of(name: &str) -> String {
    inputs().into_iter().find(|(known, _)| *known == name).map(|(_, text)| text).unwrap()
}

fn planned(text: &str) -> Plan {
    plan(&Dockerfile::parse(text).unwrap(), None, &Options::default())
}

#[divan::bench(args = ["small", "typical", "30 KB"])]
fn parse(bencher: Bencher<'_, '_>, name: &str) {
    let text = of(name);
    bencher.counter(BytesCount::of_str(&text)).bench(|| Dockerfile::parse(black_box(&text)).unwrap());
}

#[divan::bench(args = ["small", "typical", "30 KB"])]
fn scripts(bencher: Bencher<'_, '_>, name: &str) {
    let text = of(name);
    bencher
        .with_inputs(|| Dockerfile::parse(&text).unwrap())
        .bench_refs(|tree| tree.instructions.iter().filter(|i| matches!(i.script(), Some(Ok(_)))).count());
}

#[divan::bench(args = ["small", "typical", "30 KB"])]
fn facts(bencher: Bencher<'_, '_>, name: &str) {
    let tree = Dockerfile::parse(&of(name)).unwrap();
    bencher.bench(|| Facts::of(black_box(&tree)));
}

#[divan::bench(args = ["small", "typical", "30 KB"])]
fn whole_chain(bencher: Bencher<'_, '_>, name: &str) {
    let text = of(name);
    bencher.counter(BytesCount::of_str(&text)).bench(|| planned(black_box(&text)));
}

/// Twice the instructions, twice the time.
#[divan::bench(args = [2_500, 5_000, 10_000, 20_000], sample_count = 5)]
fn grows_with_runs(bencher: Bencher<'_, '_>, count: usize) {
    let text = runs(count);
    bencher.counter(BytesCount::of_str(&text)).bench(|| planned(black_box(&text)));
}

/// Twice the bytes, twice the time.
#[divan::bench(args = [1, 2, 5, 10], sample_count = 3)]
fn grows_with_megabytes(bencher: Bencher<'_, '_>, megabytes: usize) {
    let text = file(megabytes * 1_000_000);
    bencher.counter(BytesCount::of_str(&text)).bench(|| planned(black_box(&text)));
}
