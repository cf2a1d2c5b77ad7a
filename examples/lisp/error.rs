//! The one error of the Lisp: a line and what is wrong there.

use std::fmt;

/// An error of a Lisp program, found by the reader, the compiler or at run time. Boxed, so that the results of the
/// evaluator stay small.
#[derive(Debug)]
pub(crate) struct Error(Box<(u32, String)>);

impl Error {
    pub(crate) fn new(line: u32, what: impl Into<String>) -> Self {
        Error(Box::new((line, what.into())))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.0.0, self.0.1)
    }
}
