//! Lox, the language of R. Nystrom's "Crafting Interpreters" (2021), on a [`LocalHeap`]: a bytecode machine that behaves as
//! the book's second one after its last chapter.
//!
//! ```text
//! cargo run --release -p examples --bin lox -- examples/lox/forest.lox --gc-report
//! ```
//!
//! From source to result: [`scanner`], [`compiler`] with [`emit`], [`code`], [`run`]. What lies on the heap is in
//! [`value`], [`object`], [`interner`] and [`machine`].

mod args;
mod code;
mod compiler;
mod emit;
mod interner;
mod machine;
mod object;
mod print;
mod property;
mod repl;
mod run;
mod scanner;
mod value;

use std::ffi::OsStr;
use std::io::BufWriter;
use std::process::ExitCode;

use gc_core::{LocalHeap, Mutator, Owned, Root};

use args::Args;
use compiler::Globals;
use machine::{Host, Machine};
use run::Outcome;

/// What `sysexits.h` calls them.
const USAGE: u8 = 64;
const DATA: u8 = 65;
const SOFTWARE: u8 = 70;
const IO: u8 = 74;

/// What is wrong with a program.
pub(crate) enum Failure {
    Compile,
    Run,
}

/// A machine with its heap.
pub(crate) struct Vm {
    root: Root<Machine<'static>, Owned>,
    mutator: Mutator<Owned>,
    heap: LocalHeap,
    host: Host,
    /// Whether the heap has a limit.
    limited: bool,
}

impl Vm {
    fn new(args: &Args) -> Self {
        let heap = LocalHeap::with_config(args.config());
        let mut mutator = heap.mutator().expect("the first mutator of the heap");
        let mut globals = Globals::default();
        let root = mutator.mutate(|mc| mc.root(mc.alloc(Machine::new(mc, &mut globals))));
        let zeal = args.zeal.unwrap_or(0);
        let out = BufWriter::with_capacity(1 << 16, std::io::stdout());
        let host = Host { globals, out, zeal_left: zeal, zeal };
        Vm { root, mutator, heap, host, limited: args.limit.is_some() }
    }

    /// Compiles a script and runs it; reports what is wrong with it.
    pub(crate) fn interpret(&mut self, source: &str) -> Result<(), Failure> {
        let result = self.compile(source).and_then(|()| self.run());
        self.host.flush();
        result
    }

    fn compile(&mut self, source: &str) -> Result<(), Failure> {
        let (root, host) = (&self.root, &mut self.host);
        let compiled = self.mutator.mutate(|mc| {
            let machine = root.get(mc);
            let script = compiler::compile(mc, &machine.interner, &mut host.globals, source)?;
            machine.make_globals(mc, host.globals.len());
            machine.load(mc, script);
            Ok::<(), String>(())
        });
        compiled.map_err(|errors| {
            self.host.flush();
            eprint!("{errors}");
            Failure::Compile
        })
    }

    fn run(&mut self) -> Result<(), Failure> {
        loop {
            let (root, host) = (&self.root, &mut self.host);
            let outcome = self.mutator.mutate(|mc| {
                let machine = root.get(mc);
                if host.zeal == 0 {
                    run::run::<false>(mc, &machine, host)
                } else {
                    run::run::<true>(mc, &machine, host)
                }
            });
            match outcome {
                Outcome::Yield => {}
                Outcome::Done => return Ok(()),
                Outcome::Error(message) => {
                    self.host.flush();
                    eprintln!("{message}");
                    let root = &self.root;
                    self.mutator.mutate(|mc| root.get(mc).suspended.set(mc, None));
                    if self.limited {
                        // What the program held is garbage now; the next one finds the room.
                        self.mutator.collect();
                    }
                    return Err(Failure::Run);
                }
            }
        }
    }
}

fn run_file(vm: &mut Vm, file: &OsStr) -> u8 {
    let name = file.display();
    let source = match std::fs::read(file) {
        Ok(source) => source,
        Err(error) => {
            eprintln!("Could not open file \"{name}\": {error}.");
            return IO;
        }
    };
    let Ok(source) = String::from_utf8(source) else {
        eprintln!("Could not read file \"{name}\": it is not UTF-8.");
        return IO;
    };
    match vm.interpret(&source) {
        Ok(()) => 0,
        Err(Failure::Compile) => DATA,
        Err(Failure::Run) => SOFTWARE,
    }
}

fn main() -> ExitCode {
    let args = match args::parse() {
        Ok(Some(args)) => args,
        Ok(None) => {
            println!("{}", args::USAGE);
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            eprintln!("lox: {error}\n{}", args::USAGE);
            return USAGE.into();
        }
    };
    let mut vm = Vm::new(&args);
    let code = match &args.file {
        Some(file) => run_file(&mut vm, file),
        None => repl::run(&mut vm),
    };
    if args.report {
        let statistics = vm.heap.statistics();
        eprint!("{}", examples::report(&statistics));
        let (collector, process) = (statistics.total.cpu, machine::clock());
        let share = collector.as_secs_f64() / process.max(f64::MIN_POSITIVE) * 100.0;
        eprintln!(
            "peak {}; the collector took {} of the processor's time, {share:.0} % of the whole",
            examples::bytes(statistics.peak_bytes.max(statistics.heap_bytes) as u64),
            examples::time(collector),
        );
    }
    code.into()
}
