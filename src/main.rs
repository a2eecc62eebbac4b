//! dfix: rewrites Dockerfiles.

use std::process::ExitCode;

fn main() -> ExitCode {
    dfix::main()
}
