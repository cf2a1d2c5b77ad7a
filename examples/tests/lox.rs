//! Every file of `lox/tests` says at its end what it prints (`// out:`), what it says is wrong (`// err:`), and its exit code
//! (`// exit:`); every program of `lox/programs` has a file with its output. They are run plainly, with a collection at every
//! safepoint, and without threads of the collector, as many at a time as there are processors.
//!
//! And the limits of the language, the REPL, and what `lox` says about its flags.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("lox").join(name)
}

fn lox(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lox"));
    command.args(arguments);
    command
}

/// Standard output, standard error and the exit code.
fn parts(output: Output) -> (String, String, i32) {
    let text = |bytes| String::from_utf8(bytes).expect("the output is UTF-8");
    (text(output.stdout), text(output.stderr), output.status.code().expect("lox is not killed"))
}

fn run(arguments: &[&str]) -> (String, String, i32) {
    parts(lox(arguments).output().expect("the built program starts"))
}

/// Runs a program from a file of its own.
fn run_text(name: &str, text: &str) -> (String, String, i32) {
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.lox"));
    std::fs::write(&file, text).expect("the directory for temporary files can be written");
    run(&[file.to_str().expect("a path in UTF-8")])
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("the folder is there") {
        let path = entry.expect("it can be read").path();
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "lox") {
            found.push(path);
        }
    }
}

/// What a file of `tests` says that it does.
fn promised(file: &Path) -> (String, String, i32) {
    let source = std::fs::read_to_string(file).expect("a test is UTF-8");
    let lines = |mark: &str| -> String {
        source.lines().filter_map(|line| line.strip_prefix(mark)).map(|line| format!("{line}\n")).collect()
    };
    let code = lines("// exit: ").trim().parse().expect("a test has an exit code");
    (lines("// out: "), lines("// err: "), code)
}

/// Runs all of `files` with these flags; each does what `promised` says.
fn all(files: &[PathBuf], flags: &[&str], promised: impl Fn(&Path) -> (String, String, i32) + Sync) {
    let next = AtomicUsize::new(0);
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    let failures: Vec<String> = std::thread::scope(|scope| {
        let work = || {
            let mut failures = Vec::new();
            while let Some(file) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
                let name = file.to_str().expect("a path in UTF-8");
                let (does, promised) = (run(&[&[name], flags].concat()), promised(file));
                if does != promised {
                    failures.push(format!("{name} {flags:?}\n does {does:?}\n not  {promised:?}"));
                }
            }
            failures
        };
        let workers: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        workers.into_iter().flat_map(|worker| worker.join().expect("a worker does not panic")).collect()
    });
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

fn tests(flags: &[&str]) {
    let mut found = Vec::new();
    files(&folder("tests"), &mut found);
    assert!(found.len() > 100, "{} tests", found.len());
    all(&found, flags, promised);
}

fn programs(flags: &[&str]) {
    let mut found = Vec::new();
    files(&folder("programs"), &mut found);
    assert!(found.len() > 10, "{} programs", found.len());
    all(&found, flags, |file| {
        let expected = file.with_extension("expected");
        (std::fs::read_to_string(expected).expect("a program has an .expected file"), String::new(), 0)
    });
}

#[test]
fn every_rule() {
    tests(&[]);
}

#[test]
fn every_rule_under_zeal() {
    tests(&["--zeal", "1"]);
}

#[test]
fn every_rule_without_threads() {
    tests(&["--no-threads"]);
}

#[test]
fn every_program() {
    programs(&[]);
}

#[test]
fn every_program_under_zeal() {
    programs(&["--zeal", "3000"]);
}

#[test]
fn every_program_without_threads() {
    programs(&["--no-threads"]);
}

/// A program and what is wrong with it: it says so, and nothing else.
#[track_caller]
fn refused(name: &str, text: &str, error: &str) {
    let (out, err, code) = run_text(name, text);
    assert_eq!((out.as_str(), err.trim_end(), code), ("", error, 65), "{name}");
}

fn list(count: usize, item: impl Fn(usize) -> String, between: &str) -> String {
    (0..count).map(item).collect::<Vec<_>>().join(between)
}

#[test]
fn constants_of_a_function() {
    let program = |count| format!("fun f() {{\n{}\n}}\nf();", list(count, |n| format!("{n};"), "\n"));
    assert_eq!(run_text("constants-256", &program(256)), (String::new(), String::new(), 0));
    refused("constants-257", &program(257), "[line 258] Error at '256': Too many constants in one chunk.");
}

#[test]
fn locals_of_a_function() {
    let program = |count| format!("fun f() {{\n{}\n}}\nf();", list(count, |n| format!("var v{n};"), "\n"));
    assert_eq!(run_text("locals-255", &program(255)), (String::new(), String::new(), 0));
    refused("locals-256", &program(256), "[line 257] Error at 'v255': Too many local variables in function.");
}

#[test]
fn upvalues_of_a_function() {
    let program = |more: usize| {
        let declare = |from, count| list(count, |n| format!("var v{};", n + from), "\n");
        let (first, second) = (declare(0, 128), declare(128, 128 + more));
        let uses = list(256 + more, |n| format!("v{n};"), "\n");
        format!("fun f() {{\n{first}\nfun g() {{\n{second}\nfun h() {{\n{uses}\n}}\nh();\n}}\ng();\n}}\nf();")
    };
    assert_eq!(run_text("upvalues-256", &program(0)), (String::new(), String::new(), 0));
    refused("upvalues-257", &program(1), "[line 517] Error at 'v256': Too many closure variables in function.");
}

#[test]
fn parameters_and_arguments() {
    let function = |count| format!("fun f({}) {{}}", list(count, |n| format!("p{n}"), ", "));
    let call = |count| format!("fun f() {{ f({}); }}", list(count, |_| "nil".into(), ", "));
    assert_eq!(run_text("parameters-255", &function(255)), (String::new(), String::new(), 0));
    refused("parameters-256", &function(256), "[line 1] Error at 'p255': Can't have more than 255 parameters.");
    assert_eq!(run_text("arguments-255", &call(255)), (String::new(), String::new(), 0));
    refused("arguments-256", &call(256), "[line 1] Error at 'nil': Can't have more than 255 arguments.");
    let passed = format!("{} f({});", function(255), list(255, |_| "1".into(), ", ").replace('1', "nil"));
    assert_eq!(run_text("passed-255", &passed), (String::new(), String::new(), 0));
}

/// A `nil;` takes two bytes of the reference machine's code: the limits are at its 65535.
#[test]
fn jumps_and_loops() {
    let nils = |bytes: usize| "nil;".repeat(bytes / 2);
    // The jump goes over the pop, the block, and the jump over the `else`.
    let branch = |bytes: usize| format!("if (false) {{ {} }}", nils(bytes));
    assert_eq!(run_text("jump-fits", &branch(65530)), (String::new(), String::new(), 0));
    refused("jump-too-far", &branch(65532), "[line 1] Error at '}': Too much code to jump over.");
    // The loop goes back over itself, the condition, its jump and its pop.
    let repeat = |bytes: usize| format!("while (false) {{ {} }}", nils(bytes));
    assert_eq!(run_text("loop-fits", &repeat(65526)), (String::new(), String::new(), 0));
    refused("loop-too-large", &repeat(65530), "[line 1] Error at '}': Loop body too large.");
    let increment = |bytes: usize| format!("for (;false; nil) {{ {} }}", nils(bytes));
    assert_eq!(run_text("for-fits", &increment(65522)), (String::new(), String::new(), 0));
    refused("for-too-large", &increment(65534), "[line 1] Error at '}': Loop body too large.");
}

#[test]
fn lines_are_read_and_run_one_by_one() {
    use std::io::Write;
    let mut child = lox(&[]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let lines =
        "var a = 1;\nfun f() { return a; }\nprint f() + b;\nvar b = 2;\nprint f() + b;\nprint (;\nprint \"on\";\n";
    child.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
    let (out, err, code) = parts(child.wait_with_output().unwrap());
    assert_eq!(out, "> > > > > 3\n> > on\n> \n");
    assert_eq!(err, "Undefined variable 'b'.\n[line 1] in script\n[line 1] Error at ';': Expect expression.\n");
    assert_eq!(code, 0);
}

#[test]
fn a_guest_that_needs_too_much_is_told_so() {
    for (name, text) in [
        ("limit-strings", "fun grow() {\n  var s = \"x\";\n  while (true) s = s + s;\n}\ngrow();"),
        (
            "limit-instances",
            "class N { init(n) { this.n = n; } }\nfun grow() {\n  var all; while (true) all = N(all);\n}\ngrow();",
        ),
        (
            "limit-closures",
            "fun grow() {\n  var f;\n  while (true) { var g = f; fun h() { return g; } f = h; } }\n\ngrow();",
        ),
    ] {
        let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.lox"));
        std::fs::write(&file, text).unwrap();
        let (out, err, code) = run(&[file.to_str().unwrap(), "--heap-limit", "8M"]);
        assert_eq!((out.as_str(), code), ("", 70), "{name}: {err}");
        assert_eq!(err, "Out of memory.\n[line 3] in grow()\n[line 5] in script\n", "{name}");
    }
}

#[test]
fn after_an_error_at_the_limit_the_next_line_has_room() {
    use std::io::Write;
    let mut child = lox(&["--heap-limit", "8M"]);
    let mut child = child.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let lines =
        "class N { init(n) { this.n = n; } }\nfun f() { var all; while (true) all = N(all); }\nf();\nprint N(1).n;\n";
    child.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
    let (out, err, code) = parts(child.wait_with_output().unwrap());
    assert_eq!(out, "> > > > 1\n> \n", "{err}");
    assert_eq!(err, "Out of memory.\n[line 1] in f()\n[line 1] in script\n");
    assert_eq!(code, 0);
}

#[test]
fn the_report_and_the_log() {
    let file = folder("programs").join("trees.lox");
    let (out, err, code) =
        run(&[file.to_str().unwrap(), "--gc-report", "--gc-log", "--growth", "50", "--zeal", "3000"]);
    assert_eq!(out, std::fs::read_to_string(file.with_extension("expected")).unwrap());
    assert_eq!(code, 0);
    assert!(err.lines().any(|line| line.starts_with("gc ") && line.contains(" live (")), "{err}");
    for part in [
        "-- the collector\ncycles ",
        "interruptions of the program: ",
        "p99.9",
        "  up to ",
        "\npeak ",
        " % of the whole",
    ] {
        assert!(err.contains(part), "{part:?} is not in {err}");
    }
}

#[test]
fn bad_flags_are_refused_with_what_is_allowed() {
    for (arguments, what) in [
        (&["--zeal", "0"][..], "--zeal takes a number from 1 to 4294967295, not \"0\""),
        (&["--zeal"], "--zeal takes a number from 1 to"),
        (
            &["--heap-limit", "12"],
            "--heap-limit takes a size from 1M on, a number with K, M or G behind it, not \"12\"",
        ),
        (&["--growth", "much"], "not \"much\""),
        (&["--speed"], "allowed are one FILE, --gc-report, --gc-log"),
        (&["one.lox", "two.lox"], "allowed are one FILE"),
    ] {
        let (out, err, code) = run(arguments);
        assert!(out.is_empty() && err.contains(what) && err.contains("usage: lox [FILE]"), "{arguments:?}: {err}");
        assert_eq!(code, 64);
    }
    assert!(run(&["--help"]).0.contains("usage: lox [FILE]"));
    let (_, err, code) = run(&["nowhere.lox"]);
    assert!(code == 74 && err.contains("Could not open file \"nowhere.lox\""), "{err}");
}
