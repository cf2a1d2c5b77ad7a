//! Values as text.

use std::fmt::Write;

use crate::value::Value;

/// Values inside one another that are shown, at most; deeper ones are shown as `...`.
const MAX_NESTING: u32 = 1_000;

/// `value` as `display` shows it, or, quoted, as `write` does.
pub(crate) fn show(value: Value<'_>, quoted: bool) -> String {
    let mut out = String::new();
    put(&mut out, value, quoted, MAX_NESTING).expect("a string takes any text");
    out
}

fn put(out: &mut String, value: Value<'_>, quoted: bool, nesting: u32) -> std::fmt::Result {
    if nesting == 0 {
        return out.write_str("...");
    }
    match value {
        Value::Unset => out.write_str("#<nothing>"),
        Value::Nil => out.write_str("()"),
        Value::Bool(true) => out.write_str("#t"),
        Value::Bool(false) => out.write_str("#f"),
        Value::Int(int) => write!(out, "{int}"),
        Value::Float(float) => write!(out, "{float:?}"),
        Value::Symbol(symbol) => out.write_str(&symbol.name),
        Value::Text(text) if quoted => write!(out, "{:?}", &*text),
        Value::Text(text) => out.write_str(&text),
        Value::Pair(first) => {
            out.write_char('(')?;
            let mut pair = first;
            loop {
                put(out, pair.car, quoted, nesting - 1)?;
                match pair.cdr {
                    Value::Pair(next) => pair = next,
                    Value::Nil => break,
                    tail => {
                        out.write_str(" . ")?;
                        put(out, tail, quoted, nesting - 1)?;
                        break;
                    }
                }
                out.write_char(' ')?;
            }
            out.write_char(')')
        }
        Value::Vector(vector) => {
            out.write_str("#(")?;
            for (at, item) in vector.borrow().iter().enumerate() {
                out.write_str(if at == 0 { "" } else { " " })?;
                put(out, *item, quoted, nesting - 1)?;
            }
            out.write_char(')')
        }
        Value::Table(table) => write!(out, "#<table of {}>", table.borrow().len()),
        Value::Closure(closure) => write!(out, "#<{}>", closure.lambda.name.name),
        Value::Builtin(builtin) => write!(out, "#<{}>", builtin.name),
        Value::Cell(_) => out.write_str("#<variable>"),
    }
}
