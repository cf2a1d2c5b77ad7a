//! Lines read and run one by one. An error ends its line, and nothing else.

use std::io::{BufRead, IsTerminal, Write};

use rustyline::DefaultEditor;
use rustyline::error::ReadlineError;

use crate::{IO, Vm};

const PROMPT: &str = "> ";

/// Until the end of the input; the exit code.
pub(crate) fn run(vm: &mut Vm) -> u8 {
    let ended = if std::io::stdin().is_terminal() { edited(vm) } else { piped(vm) };
    match ended {
        Ok(()) => 0,
        Err(error) => {
            eprintln!("Could not read standard input: {error}.");
            IO
        }
    }
}

/// From a terminal, with history for as long as it lasts. What is wrong has been reported to whoever sits there.
fn edited(vm: &mut Vm) -> Result<(), ReadlineError> {
    let mut editor = DefaultEditor::new()?;
    loop {
        match editor.readline(PROMPT) {
            Ok(line) => {
                editor.add_history_entry(&line)?;
                let _ = vm.interpret(&line);
            }
            Err(ReadlineError::Interrupted) => {}
            Err(ReadlineError::Eof) => return Ok(()),
            Err(error) => return Err(error),
        }
    }
}

fn piped(vm: &mut Vm) -> Result<(), ReadlineError> {
    let mut lines = std::io::stdin().lock().lines();
    loop {
        print!("{PROMPT}");
        std::io::stdout().flush()?;
        match lines.next() {
            Some(line) => {
                let _ = vm.interpret(&line?);
            }
            None => {
                println!();
                return Ok(());
            }
        }
    }
}
