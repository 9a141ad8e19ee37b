//! `seismic function`: begins a function of one's own.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use crate::cli::exit::{Outcome, Usage};
use crate::cli::stdio::print;

/// Options of `seismic function`.
#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    what: FunctionAction,
}

#[derive(clap::Subcommand)]
enum FunctionAction {
    /// Write a folder with a function to begin with, and say how it is built and used
    New(NewArgs),
}

#[derive(clap::Args)]
struct NewArgs {
    /// Name of the function, as statements call it, and of the folder
    name: String,
    /// Language of the skeleton
    #[arg(long, value_enum, default_value_t = Language::Rust)]
    language: Language,
    /// Begin an operator, which stands in place of a statement: operator = "wasm"
    #[arg(long)]
    operator: bool,
}

/// A language that is compiled to WebAssembly.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Language {
    /// Rust, with rustc alone
    Rust,
    /// AssemblyScript, with npm
    Assemblyscript,
}

/// A file of a skeleton: its place in the folder, and its text with `NAME`.
type SkeletonFile = (&'static str, &'static str);

const RUST: [SkeletonFile; 1] = [("NAME.rs", include_str!("skeleton.rs.txt"))];

const ASSEMBLYSCRIPT: [SkeletonFile; 2] = [
    ("NAME.ts", include_str!("skeleton.ts.txt")),
    ("package.json", include_str!("package.json.txt")),
];

const RUST_OPERATOR: [SkeletonFile; 1] = [("NAME.rs", include_str!("operator.rs.txt"))];

const ASSEMBLYSCRIPT_OPERATOR: [SkeletonFile; 2] = [
    ("NAME.ts", include_str!("operator.ts.txt")),
    ("package.json", include_str!("package.json.txt")),
];

const RUST_BUILD: &str = "rustup target add wasm32-unknown-unknown\n  \
    rustc --edition 2024 --target wasm32-unknown-unknown --crate-type cdylib -O -C panic=abort \
    -C link-arg=-zstack-size=32768 -C strip=symbols -o NAME/NAME.wasm NAME/NAME.rs";

const ASSEMBLYSCRIPT_BUILD: &str = "npm --prefix NAME install && npm --prefix NAME run build";

/// Runs the subcommand.
pub fn run(args: Args) -> anyhow::Result<Outcome> {
    match args.what {
        FunctionAction::New(args) => begin(&args)?,
    }
    Ok(Outcome::Fine)
}

fn begin(NewArgs { name, language, operator }: &NewArgs) -> anyhow::Result<()> {
    let is_fine =
        |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '_';
    let begins = name.starts_with(|letter: char| letter.is_ascii_lowercase());
    if !begins || !name.chars().all(is_fine) || name.len() > 50 {
        let why =
            "is no name of a function: write up to 50 small letters, digits and _, a letter first";
        return Err(Usage(format!("{name:?} {why}")).into());
    }
    if let Some(known) = seismic_sql::allowed_functions().find(|known| known == name) {
        return Err(Usage(format!("there is a function {known} already: name it otherwise")).into());
    }
    let (files, build): (&[SkeletonFile], _) = match (language, operator) {
        (Language::Rust, false) => (&RUST, RUST_BUILD),
        (Language::Rust, true) => (&RUST_OPERATOR, RUST_BUILD),
        (Language::Assemblyscript, false) => (&ASSEMBLYSCRIPT, ASSEMBLYSCRIPT_BUILD),
        (Language::Assemblyscript, true) => (&ASSEMBLYSCRIPT_OPERATOR, ASSEMBLYSCRIPT_BUILD),
    };
    let folder = PathBuf::from(name);
    match fs::create_dir(&folder) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            return Err(Usage(format!("{name} already exists; name another function")).into());
        }
        made => made.map_err(|error| cannot(&folder, &error))?,
    }
    let named = |text: &str| text.replace("NAME", name);
    for (place, text) in files {
        let path = folder.join(named(place));
        let written =
            fs::File::create_new(&path).and_then(|mut file| file.write_all(named(text).as_bytes()));
        written.map_err(|error| cannot(&path, &error))?;
    }
    let first = named(files[0].0);
    let build = named(build);
    if *operator {
        return Ok(print(format_args!(
            "wrote {name}/{first}. Build it:\n  {build}\n\
             Name it in a job file, in place of sql:\n  operator = \"wasm\"\n\n  \
             [module]\n  wasm = \"file:{name}/{name}.wasm\"\n\n  [params]\n  NAME = VALUE\n"
        ))?);
    }
    Ok(print(format_args!(
        "wrote {name}/{first}. Build it:\n  {build}\n\
         Name it in a job file, and call it in the statement:\n  \
         [function.{name}]\n  wasm = \"file:{name}/{name}.wasm\"\n  args = [\"real\", \"real\"]\n  \
         returns = \"real\"\n"
    ))?)
}

fn cannot(path: &Path, error: &io::Error) -> Usage {
    Usage(format!("{} cannot be written: {error}", path.display()))
}
