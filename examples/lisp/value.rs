//! What the heap of the Lisp holds.
//!
//! Pairs, strings, closures and bindings never change once they are made; what can be assigned is a [`Value::Cell`], a
//! vector, a table, or the global value of a symbol. So only those have barriers, and a marker claims only those.

use std::collections::{BTreeMap, HashMap};

use gc_core::{Gc, GcRefCell, Mutation, Owned, Thin, Trace};

use crate::builtins::Builtin;
use crate::code::Lambda;

/// The token of a region of the Lisp's heap.
pub(crate) type Mc<'gc> = Mutation<'gc, Owned>;

/// A value: two words, copied freely inside a region.
///
/// The tag fills a word. With one of a byte, and a `bool` beside it, values are copied in pieces that do not match the loads
/// that follow, and the processor waits for each: `queens.lisp` takes half as long again.
#[repr(u64)]
#[derive(Trace, Clone, Copy)]
pub(crate) enum Value<'gc> {
    /// What a variable holds before it is defined. Never the result of an expression.
    Unset,
    Nil,
    Bool(bool),
    Int(i64),
    Float(f64),
    Symbol(Gc<'gc, Symbol<'gc>>),
    /// Thin: a `Gc<str>` is two words by itself.
    Text(Thin<'gc, str>),
    Pair(Gc<'gc, Pair<'gc>>),
    Vector(Gc<'gc, Vector<'gc>>),
    Table(Gc<'gc, Table<'gc>>),
    Closure(Gc<'gc, Closure<'gc>>),
    Builtin(&'static Builtin),
    /// The home of a variable that is assigned somewhere. Stands in bindings only.
    Cell(Gc<'gc, Variable<'gc>>),
}

const _: () = assert!(size_of::<Value<'_>>() == 16);

/// A variable that can be assigned.
pub(crate) type Variable<'gc> = GcRefCell<'gc, Value<'gc>>;
pub(crate) type Vector<'gc> = GcRefCell<'gc, Vec<Value<'gc>>>;
/// By the text of a string or the name of a symbol, in order.
pub(crate) type Table<'gc> = GcRefCell<'gc, BTreeMap<Gc<'gc, str>, Value<'gc>>>;

#[derive(Trace)]
pub(crate) struct Pair<'gc> {
    pub(crate) car: Value<'gc>,
    pub(crate) cdr: Value<'gc>,
}

#[derive(Trace)]
pub(crate) struct Symbol<'gc> {
    pub(crate) name: Gc<'gc, str>,
    pub(crate) global: GcRefCell<'gc, Value<'gc>>,
}

#[derive(Trace)]
pub(crate) struct Closure<'gc> {
    pub(crate) lambda: Gc<'gc, Lambda<'gc>>,
    pub(crate) env: Gc<'gc, Binding<'gc>>,
}

/// An environment is a list of bindings, the innermost first: shared by all closures that see it.
#[derive(Trace)]
pub(crate) struct Binding<'gc> {
    pub(crate) value: Value<'gc>,
    pub(crate) next: Option<Gc<'gc, Binding<'gc>>>,
}

/// The symbol table. It lives on the heap like everything else.
#[derive(Trace)]
pub(crate) struct Symbols<'gc> {
    by_name: GcRefCell<'gc, HashMap<Gc<'gc, str>, Gc<'gc, Symbol<'gc>>>>,
}

impl<'gc> Symbols<'gc> {
    pub(crate) fn new() -> Self {
        Symbols { by_name: GcRefCell::new(HashMap::new()) }
    }

    /// The one symbol of this name.
    pub(crate) fn intern(&self, mc: &Mc<'gc>, name: &str) -> Gc<'gc, Symbol<'gc>> {
        let known = self.by_name.borrow().get(name).copied();
        known.unwrap_or_else(|| {
            let name = mc.alloc_str(name);
            let symbol = mc.alloc(Symbol { name, global: GcRefCell::new(Value::Unset) });
            self.by_name.borrow_mut(mc).insert(name, symbol);
            symbol
        })
    }
}

impl<'gc> Value<'gc> {
    pub(crate) fn is_true(self) -> bool {
        !matches!(self, Value::Bool(false))
    }

    pub(crate) fn cons(mc: &Mc<'gc>, car: Value<'gc>, cdr: Value<'gc>) -> Self {
        Value::Pair(mc.alloc(Pair { car, cdr }))
    }

    pub(crate) fn text(mc: &Mc<'gc>, text: &str) -> Self {
        Value::Text(mc.alloc_str(text).into())
    }

    /// A list of `items`.
    pub(crate) fn list<I>(mc: &Mc<'gc>, items: I) -> Self
    where
        I: IntoIterator<Item = Value<'gc>>,
        I::IntoIter: DoubleEndedIterator,
    {
        items.into_iter().rev().fold(Value::Nil, |rest, item| Value::cons(mc, item, rest))
    }

    /// `eq?`: the same object, or the same number.
    pub(crate) fn same(self, other: Self) -> bool {
        match (self, other) {
            (Value::Nil, Value::Nil) => true,
            (Value::Bool(a), Value::Bool(b)) => a == b,
            (Value::Int(a), Value::Int(b)) => a == b,
            (Value::Float(a), Value::Float(b)) => a == b,
            (Value::Symbol(a), Value::Symbol(b)) => Gc::ptr_eq(a, b),
            (Value::Text(a), Value::Text(b)) => Thin::ptr_eq(a, b),
            (Value::Pair(a), Value::Pair(b)) => Gc::ptr_eq(a, b),
            (Value::Vector(a), Value::Vector(b)) => Gc::ptr_eq(a, b),
            (Value::Table(a), Value::Table(b)) => Gc::ptr_eq(a, b),
            (Value::Closure(a), Value::Closure(b)) => Gc::ptr_eq(a, b),
            (Value::Builtin(a), Value::Builtin(b)) => std::ptr::eq(a, b),
            _ => false,
        }
    }

    /// What kind of value it is, for messages.
    pub(crate) fn kind(self) -> &'static str {
        match self {
            Value::Unset => "nothing",
            Value::Nil => "the empty list",
            Value::Bool(_) => "a boolean",
            Value::Int(_) | Value::Float(_) => "a number",
            Value::Symbol(_) => "a symbol",
            Value::Text(_) => "a string",
            Value::Pair(_) => "a pair",
            Value::Vector(_) => "a vector",
            Value::Table(_) => "a table",
            Value::Closure(_) | Value::Builtin(_) => "a procedure",
            Value::Cell(_) => "a variable",
        }
    }
}
