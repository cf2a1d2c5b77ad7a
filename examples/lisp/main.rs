//! A small Lisp on a [`LocalHeap`]: `lisp FILE [ARGUMENT ..] [--zeal N] [--growth P] [--gc-log]`.
//!
//! How it is built, file by file: `reader` (text to S-expressions), `compiler` (to code on the heap), `eval` (the
//! recursive evaluator), `value` and `code` (what the heap holds), `builtins`, `print`. What it shows of the collector is
//! told in `docs/embedding.md`.

#![forbid(unsafe_code)]

mod args;
mod builtins;
mod code;
mod compiler;
mod error;
mod eval;
mod print;
mod reader;
mod value;

use std::cell::Cell;
use std::path::Path;
use std::process::ExitCode;

use gc_core::{Config, LocalHeap, Owned, Scope, Statistics};

use crate::args::Args;
use crate::compiler::Compiler;
use crate::error::Error;
use crate::eval::{Evaluator, STACK};
use crate::reader::Reader;
use crate::value::{Binding, Symbols, Value, Variable};

const PRELUDE: &str = include_str!("prelude.lisp");

fn main() -> ExitCode {
    let args = match args::parse() {
        Ok(Some(args)) => args,
        Ok(None) => {
            println!("{}", args::USAGE);
            return ExitCode::SUCCESS;
        }
        Err(what) => {
            eprintln!("lisp: {what}\n\n{}", args::USAGE);
            return ExitCode::from(2);
        }
    };
    // The evaluator recurses with the program.
    let thread = std::thread::Builder::new().name("lisp".into()).stack_size(STACK).spawn(move || run(&args));
    match thread {
        Ok(thread) => thread.join().unwrap_or(ExitCode::FAILURE),
        Err(error) => {
            eprintln!("lisp: no thread with {} MiB of stack: {error}", STACK >> 20);
            ExitCode::FAILURE
        }
    }
}

/// Runs the program; reports what the collector did.
fn run(args: &Args) -> ExitCode {
    let file = Path::new(&args.file);
    let text = match std::fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) => {
            eprintln!("lisp: {}: {error}", args.file);
            return ExitCode::FAILURE;
        }
    };
    // Files that the program reads are named from where it is.
    if let Some(directory) = file.parent().filter(|directory| !directory.as_os_str().is_empty())
        && let Err(error) = std::env::set_current_dir(directory)
    {
        eprintln!("lisp: {}: {error}", directory.display());
        return ExitCode::FAILURE;
    }
    let mut config = Config::new();
    if let Some(nth) = args.zeal {
        config = config.zeal(nth);
    }
    if let Some(percent) = args.growth {
        config = config.growth(percent);
    }
    let heap = LocalHeap::with_config(config);
    let mut mutator = heap.mutator().expect("the first mutator of the heap");
    let outcome = mutator.scope(|scope| {
        let log = CycleLog { heap: &heap, seen: Cell::new(0) };
        let on_yield: &dyn Fn() = if args.gc_log { &|| log.look() } else { &|| {} };
        let outcome = interpret(scope, &text, &args.arguments, on_yield);
        on_yield();
        outcome
    });
    eprint!("{}", examples::report(&heap.statistics()));
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("lisp: {}: {error}", args.file);
            ExitCode::FAILURE
        }
    }
}

/// Evaluates the prelude and the program, form by form.
fn interpret(scope: &mut Scope<'_, Owned>, text: &str, arguments: &[String], on_yield: &dyn Fn()) -> Result<(), Error> {
    let (symbols, empty, result) = scope.mutate(|mc| {
        let symbols = mc.alloc(Symbols::new());
        builtins::install(mc, symbols);
        let arguments = Value::list(mc, arguments.iter().map(|argument| Value::text(mc, argument)));
        symbols.intern(mc, "arguments").global.set(mc, arguments);
        let empty = mc.alloc(Binding { value: Value::Unset, next: None });
        (mc.local(symbols), mc.local(empty), mc.local(mc.alloc(Variable::new(Value::Nil))))
    });
    let evaluator = Evaluator { result, on_yield };
    for text in [PRELUDE, text] {
        let mut reader = Reader::new(text);
        while let Some(form) = reader.next()? {
            scope.scope(|scope| {
                let (code, env) = scope.mutate(|mc| {
                    let code = Compiler::new(mc, symbols.get(mc)).compile(&form)?;
                    Ok((mc.local(code), mc.local(empty.get(mc))))
                })?;
                evaluator.run(scope, code, env, 0)
            })?;
        }
    }
    Ok(())
}

/// Prints a line for each cycle, at the first chance after it.
struct CycleLog<'h> {
    heap: &'h LocalHeap,
    /// The last cycle that was printed.
    seen: Cell<u64>,
}

impl CycleLog<'_> {
    fn look(&self) {
        let Statistics { last, .. } = self.heap.statistics();
        let unseen = last.number - self.seen.replace(last.number);
        if unseen > 1 {
            eprintln!("gc: {} cycles went by between two looks", unseen - 1);
        }
        if unseen > 0 {
            eprintln!("gc {}", examples::cycle_line(&last));
        }
    }
}
