//! `seismic generate` under its own name, for machines that only generate load. It becomes the
//! program `seismic` beside it: a second whole program would take as long to build as the first.

use std::io::Write as _;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, ExitCode};
use std::{env, io};

fn main() -> ExitCode {
    let args: Vec<_> = env::args_os().skip(1).collect();
    // The version is that of the whole program.
    let is_version = args.iter().any(|arg| arg == "--version" || arg == "-V");
    let command = if is_version { [].as_slice() } else { &["generate"] };
    let error = env::current_exe().map(|this| {
        let program = this.with_file_name("seismic");
        let error = Command::new(&program).args(command).args(args).exec();
        format!("starting {}: {error}", program.display())
    });
    let error = error.unwrap_or_else(|error| format!("finding this program's folder: {error}"));
    let what = "install the program `seismic` in the folder of seismic-generator";
    // Without a place to say it, the code says it.
    let _ = writeln!(io::stderr(), "error: {error}\n       {what}");
    ExitCode::FAILURE
}
