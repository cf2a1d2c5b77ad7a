//! Compiled code: immutable objects of the heap, walked by the evaluator.
//!
//! C1. Code is in A-normal form: a call that is not in tail position stands as the value of a [`Node::Bind`] and nowhere
//!     else. All other operands and tests are *simple*: their evaluation calls no closure, so it is bounded by the
//!     program's text and happens inside one region.
//! C2. Variables are counted from the innermost binding outwards; the compiler's `scope` mirrors the environment.

use gc_core::{Gc, Trace};

use crate::builtins::Builtin;
use crate::value::{Symbol, Value};

/// Code in an object of its own.
pub(crate) type Code<'gc> = Gc<'gc, Node<'gc>>;

/// What a [`Node::Bind`] does with the value.
#[derive(Trace, Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Keep {
    /// A new binding holds it.
    Value,
    /// A new binding holds a cell that holds it: the variable is assigned somewhere.
    Cell,
    /// Nothing: it was evaluated for its effect.
    Nothing,
}

#[derive(Trace)]
pub(crate) enum Node<'gc> {
    Const(Value<'gc>),
    Local(u32),
    LocalCell {
        depth: u32,
        name: Gc<'gc, Symbol<'gc>>,
        line: u32,
    },
    Global {
        symbol: Gc<'gc, Symbol<'gc>>,
        line: u32,
    },
    SetLocal {
        depth: u32,
        value: Code<'gc>,
    },
    SetGlobal {
        symbol: Gc<'gc, Symbol<'gc>>,
        value: Code<'gc>,
        define: bool,
        line: u32,
    },
    Lambda(Gc<'gc, Lambda<'gc>>),
    /// The test is simple.
    If(Code<'gc>, Code<'gc>, Code<'gc>),
    /// The first is simple: its value if that is true, else the second's.
    Or(Code<'gc>, Code<'gc>),
    /// Evaluates `value`, keeps it, goes on with `body`. With `calls`, `value` is not simple.
    Bind {
        value: Code<'gc>,
        body: Code<'gc>,
        keep: Keep,
        calls: bool,
        line: u32,
    },
    /// Calls of built-ins, with simple operands.
    Apply1 {
        builtin: &'static Builtin,
        a: Code<'gc>,
        line: u32,
    },
    Apply2 {
        builtin: &'static Builtin,
        a: Code<'gc>,
        b: Code<'gc>,
        line: u32,
    },
    Apply {
        builtin: &'static Builtin,
        operands: Gc<'gc, [Code<'gc>]>,
        line: u32,
    },
    /// A call in tail position, with simple operands.
    Call {
        callee: Code<'gc>,
        operands: Gc<'gc, [Code<'gc>]>,
        line: u32,
    },
}

#[derive(Trace)]
pub(crate) struct Lambda<'gc> {
    pub(crate) name: Gc<'gc, Symbol<'gc>>,
    pub(crate) params: u32,
    /// One more parameter takes a list of the remaining arguments.
    pub(crate) rest: bool,
    pub(crate) body: Code<'gc>,
}
