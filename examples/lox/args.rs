//! The command line.

use gc_core::{Config, Event};
use lexopt::prelude::*;

pub(crate) const USAGE: &str = "\
usage: lox [FILE] [--gc-report] [--gc-log] [--heap-limit SIZE] [--growth P]
           [--zeal N] [--no-threads]

  FILE          the program; without one, lines are read and run one by one
  --gc-report   after the run, what the collector did, on standard error
  --gc-log      a line for every cycle, on standard error
  --heap-limit SIZE
                the program gets an error when it needs more, 64M say; SIZE from 1M, with K, M or G
  --growth P    the heap grows by P percent of what lives between collections; P from 1; default 100
  --zeal N      a full collection at every Nth safepoint; N from 1
  --no-threads  collect on the program's own thread, in slices";

const ALLOWED: &str = "--gc-report, --gc-log, --heap-limit SIZE, --growth P, --zeal N, --no-threads";

#[derive(Debug, Default)]
pub(crate) struct Args {
    pub(crate) file: Option<std::ffi::OsString>,
    pub(crate) report: bool,
    pub(crate) log: bool,
    pub(crate) limit: Option<usize>,
    pub(crate) growth: Option<u32>,
    pub(crate) zeal: Option<u32>,
    pub(crate) no_threads: bool,
}

impl Args {
    pub(crate) fn config(&self) -> Config {
        let mut config = Config::new().threads(!self.no_threads).hard_limit(self.limit);
        if self.log {
            config = config.on_event(|event| {
                if let Event::CycleEnded { report, .. } = event {
                    eprintln!("gc {}", examples::cycle_line(report));
                }
            });
        }
        let config = self.growth.map_or(config.clone(), |percent| config.growth(percent));
        // The machine counts the safepoints; each that it takes is a region's end.
        if self.zeal.is_some() { config.zeal(1) } else { config }
    }
}

/// The arguments, `None` if only the usage is asked for, or what is wrong with them.
pub(crate) fn parse() -> Result<Option<Args>, String> {
    let mut args = Args::default();
    let mut parser = lexopt::Parser::from_env();
    while let Some(argument) = parser.next().map_err(|error| error.to_string())? {
        match argument {
            Long("help") => return Ok(None),
            Long("gc-report") => args.report = true,
            Long("gc-log") => args.log = true,
            Long("heap-limit") => args.limit = Some(size(&mut parser, "--heap-limit")?),
            Long("growth") => args.growth = Some(number(&mut parser, "--growth")?),
            Long("zeal") => args.zeal = Some(number(&mut parser, "--zeal")?),
            Long("no-threads") => args.no_threads = true,
            Value(file) if args.file.is_none() => args.file = Some(file),
            other => return Err(format!("{}; allowed are one FILE, {ALLOWED}", other.unexpected())),
        }
    }
    Ok(Some(args))
}

fn number(parser: &mut lexopt::Parser, flag: &str) -> Result<u32, String> {
    let given = parser.value().map_err(|_| format!("{flag} takes a number from 1 to {}", u32::MAX))?;
    match given.parse::<u32>() {
        Ok(number) if number > 0 => Ok(number),
        _ => Err(format!("{flag} takes a number from 1 to {}, not {given:?}", u32::MAX)),
    }
}

fn size(parser: &mut lexopt::Parser, flag: &str) -> Result<usize, String> {
    let allowed = format!("{flag} takes a size from 1M on, a number with K, M or G behind it");
    let given = parser.value().map_err(|_| allowed.clone())?;
    let text = given.to_string_lossy();
    let (number, unit) = match text.char_indices().last() {
        Some((at, 'K' | 'k')) => (&text[..at], 1 << 10),
        Some((at, 'M' | 'm')) => (&text[..at], 1 << 20),
        Some((at, 'G' | 'g')) => (&text[..at], 1 << 30),
        _ => (&text[..], 1),
    };
    let size = number.parse::<usize>().ok().and_then(|number| number.checked_mul(unit));
    size.filter(|&size| size >= 1 << 20).ok_or_else(|| format!("{allowed}, not {given:?}"))
}
