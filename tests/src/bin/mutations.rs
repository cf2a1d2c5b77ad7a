//! The mutation check: each place that keeps the heap sound is broken in turn, and some test must notice.
//!
//! Places are marked in the sources, on the line before them:
//!
//! ```text
//! // MUTATION(name) skip               the next statement is left out
//! // MUTATION(name) this ==> that      in what follows, `this` becomes `that`
//! ```
//!
//! All marks of one name are one mutation. A copy of the tree is made in which every marked place asks at run time whether its
//! mutation is on, so one build of the tests serves for all; the environment variable `MUTATION` chooses. Then the groups of
//! tests run until one fails: programs that hold cycles open (`stepped`), the integration tests, the loom models of the
//! file's protocols. Orderings, which no test on x86-64 can tell, are shown to loom first. A test that does not end counts as
//! failed.
//!
//! Called by `ci/mutations`; `--all` runs every group for each mutation, names run those alone, `--list` lists them. The table for
//! `docs/assurance.md` goes to the standard output.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;
use std::{env, fs, io};

/// A mutation by name: its number, and the files it is in.
type Mutations = BTreeMap<String, (usize, Vec<String>)>;

/// What asks, appended to each crate.
const SWITCH: &str = "\n/// Which mutation is on.\nmod mutation {\n    pub(crate) fn on(number: usize) -> bool {\n        \
    static ON: std::sync::OnceLock<usize> = std::sync::OnceLock::new();\n        \
    number == *ON.get_or_init(|| std::env::var(\"MUTATION\").map_or(0, |n| n.parse().unwrap_or(0)))\n    }\n}\n";

/// How far below its mark a place may begin.
const REACH: usize = 12;

/// The loom models that could notice, by the end of a file's path: modules of the crate's `loom_models`.
const MODELS: &[(&str, &[&str])] = &[
    ("cell/word.rs", &["words", "births"]),
    ("cell/once_cell.rs", &["once_cell"]),
    ("src/cell.rs", &["claims"]),
    ("src/claim.rs", &["claims"]),
    ("src/tracer.rs", &["claims", "weak"]),
    ("src/termination.rs", &["termination", "weak"]),
    ("src/shade.rs", &["termination", "weak", "births"]),
    ("src/safepoint.rs", &["handshake", "locals", "registry"]),
    ("src/rendezvous.rs", &["handshake"]),
    ("src/record.rs", &["births", "locals", "termination", "registry"]),
    ("src/root_table.rs", &["roots"]),
    ("src/locals.rs", &["locals"]),
    ("src/weak.rs", &["weak"]),
    ("src/grey.rs", &["grey", "termination"]),
    ("src/team.rs", &["grey", "termination"]),
    ("src/cycle.rs", &["roots", "termination", "weak"]),
    ("src/alloc.rs", &["births"]),
    ("src/mode.rs", &["handshake", "births"]),
    ("src/space.rs", &["loom_bitmap", "births", "grey"]),
    ("src/bitmap.rs", &["loom_bitmap"]),
    ("src/central.rs", &["loom_sweep", "loom_hand_over", "loom_central"]),
    ("src/sweep.rs", &["loom_sweep"]),
];

/// Seconds for one group.
const PATIENCE: &str = "240";

/// A group of tests.
#[derive(Clone, Copy)]
enum Group {
    /// Tests of the crate `tests`.
    Tests(&'static [&'static str]),
    /// A module of loom models.
    Loom(&'static str),
}

const STEPPED: Group = Group::Tests(&["stepped"]);
const OTHERS: Group = Group::Tests(&["attacks", "threads", "weak", "lifecycle", "modes"]);

impl Group {
    fn name(self) -> String {
        match self {
            Group::Tests(tests) => tests.join(", "),
            Group::Loom(module) => format!("loom: {}", module.trim_start_matches("loom_")),
        }
    }

    /// The command that builds or runs it in `tree`.
    fn command(self, tree: &Path, action: &[&str]) -> Command {
        let mut command = Command::new("timeout");
        command.args(["-k", "5", if action.is_empty() { PATIENCE } else { "3600" }, "cargo", "test", "--release"]);
        command.current_dir(tree).stdin(Stdio::null()).env("RUST_BACKTRACE", "0");
        match self {
            Group::Tests(tests) => {
                command.args(["-p", "tests"]).args(tests.iter().flat_map(|test| ["--test", test]));
                command.args(action).env("RUSTFLAGS", "-Awarnings").env("CARGO_TARGET_DIR", tree.join("target"));
            }
            Group::Loom(module) => {
                let package = if module.starts_with("loom_") { "allocator" } else { "gc-core" };
                command.args(["-p", package, "--lib"]).args(action);
                if action.is_empty() {
                    command.args(["--", &format!("loom_models::{module}::"), "--test-threads=1"]);
                }
                command.env("RUSTFLAGS", "--cfg loom -Awarnings").env("LOOM_MAX_PREEMPTIONS", "2");
                command.env("CARGO_TARGET_DIR", tree.join("target/loom"));
            }
        }
        command
    }
}

fn main() -> ExitCode {
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("mutations: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> io::Result<bool> {
    let wanted: Vec<String> = env::args().skip(1).collect();
    let all = wanted.iter().any(|word| word == "--all");
    let list = wanted.iter().any(|word| word == "--list");
    let names: Vec<&String> = wanted.iter().filter(|word| !word.starts_with("--")).collect();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize()?;
    let tree = root.join("target/mutations/tree");
    let mutations = copy(&root, &tree)?;
    if let Some(unknown) = names.iter().find(|name| !mutations.contains_key(**name)) {
        return Err(io::Error::other(format!("no place is marked `{unknown}`")));
    }
    if list {
        mutations.iter().for_each(|(name, (_, files))| println!("{name}: {}", files.join(", ")));
        return Ok(true);
    }
    for group in [STEPPED, OTHERS, Group::Loom("words"), Group::Loom("loom_bitmap")] {
        eprintln!("building {}", group.name());
        if !group.command(&tree, &["--no-run"]).stdout(Stdio::null()).status()?.success() {
            return Err(io::Error::other("the copy with switches does not build"));
        }
    }
    for group in [STEPPED, OTHERS] {
        if let Some(what) = fails(group, &tree, 0)? {
            return Err(io::Error::other(format!("fails without any mutation: {what}")));
        }
    }
    println!("| mutation | in | caught by |\n|---|---|---|");
    let mut missed = Vec::new();
    for (name, (number, files)) in &mutations {
        if !names.is_empty() && !names.contains(&name) {
            continue;
        }
        let since = Instant::now();
        let mut caught = String::new();
        for group in groups(files, &fs::read_to_string(root.join(&files[0]))?, name) {
            if let Some(what) = fails(group, &tree, *number)? {
                let _ = write!(caught, "{}{}: {what}", if caught.is_empty() { "" } else { "; " }, group.name());
                if !all {
                    break;
                }
            }
        }
        if caught.is_empty() {
            missed.push(name.clone());
            caught.push_str("**nothing**");
        }
        println!("| {name} | `{}` | {caught} |", files.join("`, `"));
        eprintln!("{name}: {:.0?}", since.elapsed());
    }
    if !missed.is_empty() {
        eprintln!("{} caught by nothing: {}", missed.len(), missed.join(", "));
    }
    Ok(missed.is_empty())
}

/// The groups that could notice, in the order in which to try them.
fn groups(files: &[String], text: &str, name: &str) -> Vec<Group> {
    let models = MODELS.iter().filter(|(end, _)| files.iter().any(|file| file.ends_with(end)));
    let mut loom: Vec<&'static str> = models.flat_map(|(_, modules)| modules.iter().copied()).collect();
    loom.dedup();
    let loom = loom.into_iter().map(Group::Loom);
    let mark = text.lines().find(|line| line.contains(&format!("// MUTATION({name})"))).unwrap_or_default();
    let is_order = mark.contains("Relaxed") || name.ends_with("unfenced");
    if is_order { loom.chain([STEPPED, OTHERS]).collect() } else { [STEPPED, OTHERS].into_iter().chain(loom).collect() }
}

/// Runs a group with a mutation on; what failed, if something did.
fn fails(group: Group, tree: &Path, mutation: usize) -> io::Result<Option<String>> {
    let output = group.command(tree, &[]).env("MUTATION", mutation.to_string()).output()?;
    if output.status.success() {
        return Ok(None);
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let short = |line: &str| {
        let name = line.trim_start_matches("test ").split(" ... ").next().unwrap_or(line).to_owned();
        name.rsplit("::").next().map(str::to_owned).unwrap_or(name)
    };
    let failed: Vec<String> = text.lines().filter(|line| line.ends_with("FAILED")).map(short).collect();
    Ok(Some(if output.status.code() == Some(124) || output.status.code() == Some(137) {
        "hangs".to_owned()
    } else if let Some(first) = failed.first() {
        let more = failed.len() - 1;
        if more == 0 { format!("`{first}`") } else { format!("`{first}` and {more} more") }
    } else {
        // The process ended: an abort, a segmentation fault.
        let last = text.lines().rev().find(|line| line.starts_with("test ")).map(short);
        format!("crash{}", last.map_or(String::new(), |test| format!(" at `{test}`")))
    }))
}

/// Copies the tree, with switches at the marked places.
fn copy(root: &Path, tree: &Path) -> io::Result<Mutations> {
    let files = Command::new("git").args(["ls-files", "-co", "--exclude-standard"]).current_dir(root).output()?;
    let mut mutations = Mutations::new();
    for file in String::from_utf8_lossy(&files.stdout).lines() {
        let from = root.join(file);
        if !from.is_file() {
            continue;
        }
        let mut content = fs::read(&from)?;
        let is_source = ["gc-core/src/", "allocator/src/"].iter().any(|crate_| file.starts_with(crate_));
        if is_source && file.ends_with(".rs") {
            let text = String::from_utf8(content).map_err(io::Error::other)?;
            let mut text = instrument(file, &text, &mut mutations).map_err(io::Error::other)?;
            if file.ends_with("/src/lib.rs") {
                text.push_str(SWITCH);
            }
            content = text.into_bytes();
        }
        let to: PathBuf = tree.join(file);
        // What is the same keeps its time, so that cargo builds little anew.
        if fs::read(&to).ok().as_deref() != Some(&content[..]) {
            fs::create_dir_all(to.parent().expect("a file is in a folder"))?;
            fs::write(&to, content)?;
        }
    }
    Ok(mutations)
}

/// The source with a switch at each mark.
fn instrument(file: &str, text: &str, mutations: &mut Mutations) -> Result<String, String> {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    for at in 0..lines.len() {
        let Some(mark) = lines[at].trim_start().strip_prefix("// MUTATION(").map(str::to_owned) else { continue };
        let wrong = |what: &str| format!("{file}:{}: {what}", at + 1);
        let (name, change) = mark.split_once(") ").ok_or_else(|| wrong("a mark without a change"))?;
        let next = mutations.len() + 1;
        let (number, files) = mutations.entry(name.to_owned()).or_insert((next, Vec::new()));
        if !files.iter().any(|known| known == file) {
            files.push(file.to_owned());
        }
        // Other marks and comments may stand between.
        let first = (at + 1..lines.len()).find(|&line| !lines[line].trim_start().starts_with("//"));
        let first = first.ok_or_else(|| wrong("a mark at the end of its file"))?;
        if change == "skip" {
            let last = end_of_statement(&lines, first).ok_or_else(|| wrong("no statement follows"))?;
            lines[first].insert_str(0, &format!("if !crate::mutation::on({number}) {{ "));
            lines[last] = format!("{}\n}}", lines[last]);
        } else {
            let (this, that) = change.split_once(" ==> ").ok_or_else(|| wrong("neither `skip` nor `this ==> that`"))?;
            let reach = first..lines.len().min(first + REACH);
            let place = reach.into_iter().find_map(|line| Some((line, lines[line].find(this)?)));
            let (line, column) = place.ok_or_else(|| wrong("what the mark names does not follow"))?;
            let switch = format!("(if !crate::mutation::on({number}) {{ {this} }} else {{ {that} }})");
            lines[line].replace_range(column..column + this.len(), &switch);
        }
    }
    Ok(lines.join("\n") + "\n")
}

/// The line in which the statement that begins at `first` ends.
fn end_of_statement(lines: &[String], first: usize) -> Option<usize> {
    let mut depth = 0_i32;
    for (line, text) in lines.iter().enumerate().skip(first) {
        let code = text.split("//").next().unwrap_or_default();
        depth += code.chars().filter(|c| "([{".contains(*c)).count() as i32;
        depth -= code.chars().filter(|c| ")]}".contains(*c)).count() as i32;
        if depth == 0 && (code.trim_end().ends_with(';') || code.trim_end().ends_with('}')) {
            return Some(line);
        }
    }
    None
}
