//! The command line.

use lexopt::prelude::*;

pub(crate) const USAGE: &str = "\
usage: lisp FILE [ARGUMENT ..] [--zeal N] [--growth P] [--gc-log]

  FILE        the program; ARGUMENTs are its list `arguments`
  --zeal N    a full collection at every Nth safepoint; N from 1
  --growth P  the heap grows by P percent of what lives between collections; P from 1; default 100
  --gc-log    a line for every cycle, on standard error";

#[derive(Debug)]
pub(crate) struct Args {
    pub(crate) file: String,
    pub(crate) arguments: Vec<String>,
    pub(crate) zeal: Option<u32>,
    pub(crate) growth: Option<u32>,
    pub(crate) gc_log: bool,
}

/// The arguments, `None` if only the usage is asked for, or what is wrong with them.
pub(crate) fn parse() -> Result<Option<Args>, String> {
    let mut args = Args { file: String::new(), arguments: Vec::new(), zeal: None, growth: None, gc_log: false };
    let mut parser = lexopt::Parser::from_env();
    while let Some(argument) = parser.next().map_err(|error| error.to_string())? {
        match argument {
            Long("help") => return Ok(None),
            Long("zeal") => args.zeal = Some(number(&mut parser, "--zeal")?),
            Long("growth") => args.growth = Some(number(&mut parser, "--growth")?),
            Long("gc-log") => args.gc_log = true,
            Value(word) => {
                let word = word.into_string().map_err(|word| format!("{word:?} is not UTF-8"))?;
                if args.file.is_empty() {
                    args.file = word;
                } else {
                    args.arguments.push(word);
                }
            }
            other => return Err(format!("{}; allowed are --zeal N, --growth P, --gc-log", other.unexpected())),
        }
    }
    if args.file.is_empty() {
        return Err("no FILE is given".into());
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
