//! Every program of `lisp/programs` prints what its `.expected` file says: plainly, and with a collection at every few
//! safepoints. And what `lisp` says about mistakes.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn programs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("lisp/programs")
}

fn lisp(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_lisp"))
        .current_dir(programs())
        .args(arguments)
        .output()
        .expect("the built program starts")
}

/// Standard output and standard error of a run that ends with `code`.
#[track_caller]
fn run(arguments: &[&str], code: i32) -> (String, String) {
    let output = lisp(arguments);
    let text = |bytes| String::from_utf8(bytes).expect("the output is UTF-8");
    let (out, err) = (text(output.stdout), text(output.stderr));
    assert_eq!(output.status.code(), Some(code), "lisp {arguments:?}\n{out}\n{err}");
    (out, err)
}

/// Runs a program from a file of its own.
#[track_caller]
fn run_text(name: &str, text: &str, code: i32) -> (String, String) {
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.lisp"));
    std::fs::write(&file, text).expect("the directory for temporary files can be written");
    run(&[file.to_str().expect("a path in UTF-8")], code)
}

#[track_caller]
fn prints_what_is_expected(program: &str, arguments: &[&str], zeal: &str) {
    let expected = programs().join(program).with_extension("expected");
    let expected = std::fs::read_to_string(&expected).expect("each program has an .expected file");
    let arguments = [&[program], arguments].concat();
    let (plain, report) = run(&arguments, 0);
    assert_eq!(plain, expected, "{program}");
    assert!(report.contains("-- the collector\ncycles "), "{report}");
    let (zealous, report) = run(&[&arguments[..], &["--zeal", zeal]].concat(), 0);
    assert_eq!(zealous, expected, "{program} under zeal");
    let cycles = report.split("cycles ").nth(1).and_then(|rest| rest.split(';').next());
    let cycles: u32 = cycles.and_then(|cycles| cycles.parse().ok()).expect("the report begins with the cycles");
    assert!(cycles > 100, "{program} under zeal: {cycles} cycles");
}

#[test]
fn queens() {
    prints_what_is_expected("queens.lisp", &["7"], "20");
}

#[test]
fn differentiate() {
    prints_what_is_expected("differentiate.lisp", &["3"], "20");
}

#[test]
fn meta() {
    prints_what_is_expected("meta.lisp", &[], "200");
}

#[test]
fn wordcount() {
    prints_what_is_expected("wordcount.lisp", &[], "10");
}

#[test]
fn life() {
    prints_what_is_expected("life.lisp", &["20"], "200");
}

#[test]
fn language() {
    prints_what_is_expected("language.lisp", &[], "3");
}

#[test]
fn mistakes_are_reported_with_their_line() {
    for (name, text, line, what) in [
        ("reader", "1\n2\n(display\n 3", 3, "a ( without its )"),
        ("variable", "\n(display\n  nowhere)", 3, "nowhere is not defined"),
        ("type", "(define (f x)\n  (car x))\n(f 3)", 2, "car: a pair is expected, a number found"),
        ("arity", "(define (f x) x)\n\n(+ 1 (f 1 2))", 3, "f takes 1 arguments, and is given 2"),
        ("builtin-arity", "\n(cons 1)", 2, "cons takes 2 arguments, and is given 1"),
        ("call", "(let ((f 3))\n  (f 1))", 2, "a call of a number"),
        ("define", "(define (f)\n  (if #t (define x 1)))", 2, "a define stands at the top level or in a body"),
        ("redefine", "(define (car x) x)", 1, "car is built in and can't be changed"),
        ("form", "(let ((x)) x)", 1, "this has the form ((name value) ..)"),
        (
            "user",
            "(define (check x)\n  (if (< x 0)\n      (error \"negative:\" x)))\n(check -1)",
            3,
            "error: negative: -1",
        ),
        ("overflow", "(* 9223372036854775807\n 2)", 1, "*: the result does not fit into 64 bits"),
        ("letrec", "(letrec ((a b) (b 1))\n a)", 1, "b is not defined"),
    ] {
        let (_, err) = run_text(name, text, 1);
        let expected = format!("line {line}: {what}");
        assert!(err.contains(&expected), "{name}: {expected:?} is not in {err:?}");
    }
}

#[test]
fn too_deep_a_recursion_is_an_error_of_the_program() {
    let text = "(define (count n)\n  (+ 1 (count n)))\n(count 0)";
    let (_, err) = run_text("deep", text, 1);
    assert!(err.contains("line 2: stack overflow"), "{err}");
}

#[test]
fn a_tail_call_takes_no_stack() {
    let (out, _) =
        run_text("tail", "(define (count n) (if (= n 0) 'done (count (- n 1))))\n(display (count 200000))", 0);
    assert_eq!(out, "done");
}

#[test]
fn bad_flags_are_refused_with_what_is_allowed() {
    for (arguments, what) in [
        (&["queens.lisp", "--zeal", "0"][..], "--zeal takes a number from 1 to"),
        (&["queens.lisp", "--zeal"], "--zeal takes a number from 1 to"),
        (&["queens.lisp", "--growth", "much"], "not \"much\""),
        (&["queens.lisp", "--speed"], "allowed are --zeal N, --growth P, --gc-log"),
        (&[], "no FILE is given"),
    ] {
        let (out, err) = run(arguments, 2);
        assert!(out.is_empty() && err.contains(what) && err.contains("usage: lisp FILE"), "{arguments:?}: {err}");
    }
    let (out, _) = run(&["--help"], 0);
    assert!(out.contains("usage: lisp FILE"), "{out}");
    let (_, err) = run(&["nowhere.lisp"], 1);
    assert!(err.contains("nowhere.lisp"), "{err}");
}

#[test]
fn the_cycle_log_has_lines() {
    let (_, err) = run(&["meta.lisp", "--gc-log", "--growth", "50", "--zeal", "1000"], 0);
    assert!(err.lines().any(|line| line.starts_with("gc ") && line.contains(" live (")), "{err}");
}
