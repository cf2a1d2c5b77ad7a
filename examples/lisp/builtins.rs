//! The procedures that are built in. None calls a closure, so each runs inside one region.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::io::Write;

use gc_core::{Gc, GcRefCell, Thin};

use crate::error::Error;
use crate::print::show;
use crate::value::{Mc, Symbols, Table, Value, Vector};

type Outcome<'gc> = Result<Value<'gc>, String>;
type Run = for<'gc> fn(&Mc<'gc>, &[Value<'gc>]) -> Outcome<'gc>;

/// A built-in procedure.
pub(crate) struct Builtin {
    pub(crate) name: &'static str,
    min: usize,
    max: usize,
    quick: Quick,
    run: Run,
}

/// Built-ins of two operands with a short way for what they get most often.
#[derive(Clone, Copy)]
enum Quick {
    No,
    Add,
    Sub,
    Mul,
    Less,
    Equal,
    Same,
}

/// Equal values inside one another that `equal?` follows, at most.
const MAX_NESTING: u32 = 10_000;
const ANY: usize = usize::MAX;

impl Builtin {
    /// Whether it takes `given` arguments, or what to say if not.
    pub(crate) fn check(&self, given: usize) -> Result<(), String> {
        let Builtin { name, min, max, .. } = *self;
        if (min..=max).contains(&given) {
            return Ok(());
        }
        let takes = match max {
            ANY => format!("at least {min}"),
            max if max == min => min.to_string(),
            max => format!("{min} to {max}"),
        };
        Err(format!("{name} takes {takes} arguments, and is given {given}"))
    }

    /// The result for the usual kinds of operands, if this is one of the usual built-ins.
    #[inline(always)]
    pub(crate) fn quick2<'gc>(&self, a: Value<'gc>, b: Value<'gc>) -> Option<Value<'gc>> {
        match (self.quick, a, b) {
            (Quick::Add, Value::Int(a), Value::Int(b)) => a.checked_add(b).map(Value::Int),
            (Quick::Sub, Value::Int(a), Value::Int(b)) => a.checked_sub(b).map(Value::Int),
            (Quick::Mul, Value::Int(a), Value::Int(b)) => a.checked_mul(b).map(Value::Int),
            (Quick::Less, Value::Int(a), Value::Int(b)) => Some(Value::Bool(a < b)),
            (Quick::Equal, Value::Int(a), Value::Int(b)) => Some(Value::Bool(a == b)),
            (Quick::Same, a, b) => Some(Value::Bool(a.same(b))),
            _ => None,
        }
    }

    /// Runs it. The caller has checked the number of arguments.
    #[inline]
    pub(crate) fn call<'gc>(&self, mc: &Mc<'gc>, arguments: &[Value<'gc>], line: u32) -> Result<Value<'gc>, Error> {
        (self.run)(mc, arguments).map_err(|what| Error::new(line, format!("{}: {what}", self.name)))
    }
}

/// Makes the built-ins the values of their symbols.
pub(crate) fn install<'gc>(mc: &Mc<'gc>, symbols: Gc<'gc, Symbols<'gc>>) {
    for builtin in BUILTINS {
        symbols.intern(mc, builtin.name).global.set(mc, Value::Builtin(builtin));
    }
}

const fn of(name: &'static str, arity: usize, run: Run) -> Builtin {
    Builtin { name, min: arity, max: arity, quick: Quick::No, run }
}

const fn many(name: &'static str, min: usize, max: usize, run: Run) -> Builtin {
    Builtin { name, min, max, quick: Quick::No, run }
}

const fn quick(name: &'static str, min: usize, max: usize, quick: Quick, run: Run) -> Builtin {
    Builtin { name, min, max, quick, run }
}

static BUILTINS: &[Builtin] = &[
    quick("+", 0, ANY, Quick::Add, |_, a| fold(a, Value::Int(0), i64::checked_add, |a, b| a + b)),
    quick("*", 0, ANY, Quick::Mul, |_, a| fold(a, Value::Int(1), i64::checked_mul, |a, b| a * b)),
    quick("-", 1, ANY, Quick::Sub, |_, a| match a {
        [a] => fold(&[*a], Value::Int(0), i64::checked_sub, |a, b| a - b),
        [a, rest @ ..] => fold(rest, *a, i64::checked_sub, |a, b| a - b),
        [] => unreachable!("checked"),
    }),
    many("/", 2, 2, |_, a| Ok(Value::Float(float(a[0])? / float(a[1])?))),
    of("quotient", 2, |_, a| divide(a, i64::checked_div)),
    of("remainder", 2, |_, a| divide(a, i64::checked_rem)),
    of("modulo", 2, |_, a| {
        divide(a, |a, b| a.checked_rem(b).map(|rest| if rest != 0 && (rest < 0) != (b < 0) { rest + b } else { rest }))
    }),
    of("sqrt", 1, |_, a| Ok(Value::Float(float(a[0])?.sqrt()))),
    of("floor", 1, |_, a| rounded(a[0], f64::floor)),
    of("round", 1, |_, a| rounded(a[0], f64::round)),
    quick("=", 2, ANY, Quick::Equal, |_, a| ordered(a, Ordering::is_eq)),
    quick("<", 2, ANY, Quick::Less, |_, a| ordered(a, Ordering::is_lt)),
    many(">", 2, ANY, |_, a| ordered(a, Ordering::is_gt)),
    many("<=", 2, ANY, |_, a| ordered(a, Ordering::is_le)),
    many(">=", 2, ANY, |_, a| ordered(a, Ordering::is_ge)),
    of("not", 1, |_, a| Ok(Value::Bool(!a[0].is_true()))),
    quick("eq?", 2, 2, Quick::Same, |_, a| Ok(Value::Bool(a[0].same(a[1])))),
    of("equal?", 2, |_, a| equal(a[0], a[1], MAX_NESTING).map(Value::Bool)),
    of("null?", 1, |_, a| is(a, |a| matches!(a, Value::Nil))),
    of("pair?", 1, |_, a| is(a, |a| matches!(a, Value::Pair(_)))),
    of("number?", 1, |_, a| is(a, |a| matches!(a, Value::Int(_) | Value::Float(_)))),
    of("symbol?", 1, |_, a| is(a, |a| matches!(a, Value::Symbol(_)))),
    of("string?", 1, |_, a| is(a, |a| matches!(a, Value::Text(_)))),
    of("boolean?", 1, |_, a| is(a, |a| matches!(a, Value::Bool(_)))),
    of("procedure?", 1, |_, a| is(a, |a| matches!(a, Value::Closure(_) | Value::Builtin(_)))),
    of("cons", 2, |mc, a| Ok(Value::cons(mc, a[0], a[1]))),
    of("car", 1, |_, a| car(a[0])),
    of("cdr", 1, |_, a| cdr(a[0])),
    of("caar", 1, |_, a| car(car(a[0])?)),
    of("cadr", 1, |_, a| car(cdr(a[0])?)),
    of("cddr", 1, |_, a| cdr(cdr(a[0])?)),
    of("caddr", 1, |_, a| car(cdr(cdr(a[0])?)?)),
    many("list", 0, ANY, |mc, a| Ok(Value::list(mc, a.iter().copied()))),
    of("length", 1, |_, a| Ok(Value::Int(items(a[0])?.len() as i64))),
    of("reverse", 1, |mc, a| Ok(Value::list(mc, items(a[0])?.into_iter().rev()))),
    of("append", 2, |mc, a| Ok(items(a[0])?.into_iter().rev().fold(a[1], |rest, item| Value::cons(mc, item, rest)))),
    of("assq", 2, |_, a| find(a, |pair, key| car(pair).is_ok_and(|found| found.same(key)))),
    many("vector", 0, ANY, |mc, a| Ok(vector(mc, a.to_vec()))),
    many("make-vector", 1, 2, |mc, a| Ok(vector(mc, vec![a.get(1).copied().unwrap_or(Value::Int(0)); index(a[0])?]))),
    of("vector-length", 1, |_, a| Ok(Value::Int(cells(a[0])?.borrow().len() as i64))),
    of("vector-ref", 2, |_, a| {
        let (cells, at) = (cells(a[0])?, index(a[1])?);
        let found = cells.borrow().get(at).copied();
        found.ok_or_else(|| format!("there is no item {at}"))
    }),
    of("vector-set!", 3, |mc, a| {
        let (cells, at) = (cells(a[0])?, index(a[1])?);
        *cells.borrow_mut(mc).get_mut(at).ok_or_else(|| format!("there is no item {at}"))? = a[2];
        Ok(Value::Nil)
    }),
    of("make-table", 0, |mc, _| Ok(Value::Table(mc.alloc(GcRefCell::new(BTreeMap::new()))))),
    many("table-ref", 2, 3, |_, a| {
        let found = table(a[0])?.borrow().get(&*key(a[1])?).copied();
        Ok(found.or(a.get(2).copied()).unwrap_or(Value::Bool(false)))
    }),
    of("table-set!", 3, |mc, a| {
        let (table, key) = (table(a[0])?, key(a[1])?);
        table.borrow_mut(mc).insert(key, a[2]);
        Ok(Value::Nil)
    }),
    of("table-keys", 1, |mc, a| {
        let keys: Vec<_> = table(a[0])?.borrow().keys().copied().collect();
        Ok(Value::list(mc, keys.into_iter().map(|key| Value::text(mc, &key))))
    }),
    of("string-length", 1, |_, a| Ok(Value::Int(text(a[0])?.chars().count() as i64))),
    many("string-append", 0, ANY, |mc, a| {
        let parts: Result<Vec<_>, _> = a.iter().map(|a| text(*a)).collect();
        Ok(Value::text(mc, &parts?.iter().map(|part| &**part).collect::<String>()))
    }),
    of("string=?", 2, |_, a| Ok(Value::Bool(text(a[0])? == text(a[1])?))),
    of("string<?", 2, |_, a| Ok(Value::Bool(text(a[0])? < text(a[1])?))),
    of("string-downcase", 1, |mc, a| Ok(Value::text(mc, &text(a[0])?.to_lowercase()))),
    of("string->list", 1, |mc, a| {
        let chars: Vec<char> = text(a[0])?.chars().collect();
        Ok(Value::list(mc, chars.into_iter().map(|c| Value::text(mc, c.encode_utf8(&mut [0; 4])))))
    }),
    of("list->string", 1, |mc, a| {
        let parts: Result<Vec<_>, _> = items(a[0])?.into_iter().map(text).collect();
        Ok(Value::text(mc, &parts?.iter().map(|part| &**part).collect::<String>()))
    }),
    of("letter?", 1, |_, a| Ok(Value::Bool(text(a[0])?.chars().all(char::is_alphabetic)))),
    of("symbol->string", 1, |mc, a| match a[0] {
        Value::Symbol(symbol) => Ok(Value::text(mc, &symbol.name)),
        other => expected("a symbol", other),
    }),
    of("number->string", 1, |mc, a| float(a[0]).map(|_| Value::text(mc, &show(a[0], false)))),
    of("string->number", 1, |_, a| {
        let text = text(a[0])?;
        let float = || text.parse().map_or(Value::Bool(false), Value::Float);
        Ok(text.parse().map_or_else(|_| float(), Value::Int))
    }),
    of("read-file", 1, |mc, a| {
        let path = text(a[0])?;
        let content = std::fs::read_to_string(&*path).map_err(|error| format!("{}: {error}", &*path))?;
        Ok(Value::text(mc, &content))
    }),
    many("display", 1, ANY, |_, a| a.iter().try_for_each(|a| print(&show(*a, false))).map(|()| Value::Nil)),
    of("write", 1, |_, a| print(&show(a[0], true)).map(|()| Value::Nil)),
    of("newline", 0, |_, _| print("\n").map(|()| Value::Nil)),
    many("error", 1, ANY, |_, a| Err(a.iter().map(|a| show(*a, false)).collect::<Vec<_>>().join(" "))),
];

fn print(text: &str) -> Result<(), String> {
    std::io::stdout().lock().write_all(text.as_bytes()).map_err(|error| format!("standard output: {error}"))
}

// ---- operands

fn expected<T>(what: &str, found: Value<'_>) -> Result<T, String> {
    Err(format!("{what} is expected, {} found", found.kind()))
}

fn is<'gc>(a: &[Value<'gc>], test: impl FnOnce(Value<'gc>) -> bool) -> Outcome<'gc> {
    Ok(Value::Bool(test(a[0])))
}

fn float(value: Value<'_>) -> Result<f64, String> {
    match value {
        Value::Int(int) => Ok(int as f64),
        Value::Float(float) => Ok(float),
        other => expected("a number", other),
    }
}

fn index(value: Value<'_>) -> Result<usize, String> {
    match value {
        Value::Int(int) => usize::try_from(int).map_err(|_| format!("{int} is negative")),
        other => expected("an integer", other),
    }
}

fn text<'gc>(value: Value<'gc>) -> Result<Gc<'gc, str>, String> {
    match value {
        Value::Text(text) => Ok(Thin::gc(text)),
        other => expected("a string", other),
    }
}

fn key<'gc>(value: Value<'gc>) -> Result<Gc<'gc, str>, String> {
    match value {
        Value::Text(text) => Ok(Thin::gc(text)),
        Value::Symbol(symbol) => Ok(symbol.name),
        other => expected("a string or a symbol", other),
    }
}

fn cells<'gc>(value: Value<'gc>) -> Result<Gc<'gc, Vector<'gc>>, String> {
    match value {
        Value::Vector(vector) => Ok(vector),
        other => expected("a vector", other),
    }
}

fn table<'gc>(value: Value<'gc>) -> Result<Gc<'gc, Table<'gc>>, String> {
    match value {
        Value::Table(table) => Ok(table),
        other => expected("a table", other),
    }
}

fn vector<'gc>(mc: &Mc<'gc>, items: Vec<Value<'gc>>) -> Value<'gc> {
    Value::Vector(mc.alloc(GcRefCell::new(items)))
}

// ---- lists

fn car(value: Value<'_>) -> Outcome<'_> {
    match value {
        Value::Pair(pair) => Ok(pair.car),
        other => expected("a pair", other),
    }
}

fn cdr(value: Value<'_>) -> Outcome<'_> {
    match value {
        Value::Pair(pair) => Ok(pair.cdr),
        other => expected("a pair", other),
    }
}

fn items(mut list: Value<'_>) -> Result<Vec<Value<'_>>, String> {
    let mut items = Vec::new();
    loop {
        match list {
            Value::Nil => return Ok(items),
            Value::Pair(pair) => {
                items.push(pair.car);
                list = pair.cdr;
            }
            other => return expected("a list", other),
        }
    }
}

/// The first pair of the list `a[1]` that `is_it` with `a[0]`, or false.
fn find<'gc>(a: &[Value<'gc>], is_it: impl Fn(Value<'gc>, Value<'gc>) -> bool) -> Outcome<'gc> {
    let mut list = a[1];
    loop {
        match list {
            Value::Pair(pair) if is_it(pair.car, a[0]) => return Ok(pair.car),
            Value::Pair(pair) => list = pair.cdr,
            _ => return Ok(Value::Bool(false)),
        }
    }
}

fn equal<'gc>(mut a: Value<'gc>, mut b: Value<'gc>, nesting: u32) -> Result<bool, String> {
    if nesting == 0 {
        return Err(format!("more than {MAX_NESTING} values inside one another"));
    }
    loop {
        match (a, b) {
            (Value::Text(a), Value::Text(b)) => return Ok(Thin::as_ref(a) == Thin::as_ref(b)),
            (Value::Pair(left), Value::Pair(right)) => {
                if !equal(left.car, right.car, nesting - 1)? {
                    return Ok(false);
                }
                (a, b) = (left.cdr, right.cdr);
            }
            (Value::Vector(a), Value::Vector(b)) => {
                let (a, b) = (a.borrow(), b.borrow());
                if a.len() != b.len() {
                    return Ok(false);
                }
                for (a, b) in a.iter().zip(b.iter()) {
                    if !equal(*a, *b, nesting - 1)? {
                        return Ok(false);
                    }
                }
                return Ok(true);
            }
            (a, b) => return Ok(a.same(b)),
        }
    }
}

// ---- numbers

fn fold<'gc>(
    items: &[Value<'gc>],
    first: Value<'gc>,
    ints: fn(i64, i64) -> Option<i64>,
    floats: fn(f64, f64) -> f64,
) -> Outcome<'gc> {
    items.iter().try_fold(first, |sum, item| match (sum, *item) {
        (Value::Int(a), Value::Int(b)) => ints(a, b).map(Value::Int).ok_or_else(overflow),
        (a, b) => Ok(Value::Float(floats(float(a)?, float(b)?))),
    })
}

fn overflow() -> String {
    "the result does not fit into 64 bits".into()
}

fn divide<'gc>(a: &[Value<'gc>], by: impl Fn(i64, i64) -> Option<i64>) -> Outcome<'gc> {
    match (a[0], a[1]) {
        (Value::Int(_), Value::Int(0)) => Err("division by zero".into()),
        (Value::Int(a), Value::Int(b)) => by(a, b).map(Value::Int).ok_or_else(overflow),
        (Value::Int(_), other) | (other, _) => expected("an integer", other),
    }
}

fn rounded(value: Value<'_>, round: fn(f64) -> f64) -> Outcome<'_> {
    match value {
        Value::Float(value) if round(value).abs() < i64::MAX as f64 => Ok(Value::Int(round(value) as i64)),
        Value::Float(_) => Err(overflow()),
        Value::Int(_) => Ok(value),
        other => expected("a number", other),
    }
}

fn ordered<'gc>(a: &[Value<'gc>], holds: fn(Ordering) -> bool) -> Outcome<'gc> {
    for pair in a.windows(2) {
        let order = match (pair[0], pair[1]) {
            (Value::Int(a), Value::Int(b)) => Some(a.cmp(&b)),
            (a, b) => float(a)?.partial_cmp(&float(b)?),
        };
        if !order.is_some_and(holds) {
            return Ok(Value::Bool(false));
        }
    }
    Ok(Value::Bool(true))
}
