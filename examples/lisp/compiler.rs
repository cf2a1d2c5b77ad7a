//! From S-expressions to [code](crate::code), one top-level form at a time.
//!
//! Names are resolved here: to a position in the environment, to a symbol with a global value, or to a built-in, which
//! can't be changed. Operands that call are bound to nameless variables first (`operands`), which is all that A-normal
//! form takes.

use std::rc::Rc;

use gc_core::Gc;

use crate::builtins::Builtin;
use crate::code::{Code, Keep, Lambda, Node};
use crate::error::Error;
use crate::reader::{Form, Sexp};
use crate::value::{Mc, Symbol, Symbols, Value};

/// One binding of the environment that the code will run in.
struct Slot {
    /// `None`: a temporary.
    name: Option<Rc<str>>,
    cell: bool,
}

pub(crate) struct Compiler<'a, 'gc> {
    mc: &'a Mc<'gc>,
    symbols: Gc<'gc, Symbols<'gc>>,
    /// The bindings in scope, the innermost last (C2).
    scope: Vec<Slot>,
    /// Lambdas around the form.
    lambdas: u32,
}

/// What a name stands for.
enum Place {
    /// The binding at this depth.
    Binding {
        depth: u32,
        cell: bool,
    },
    Global,
}

fn bad_form(sexp: &Sexp, usage: &str) -> Error {
    Error::new(sexp.line, format!("this has the form {usage}"))
}

/// Whether `name` is assigned somewhere in `forms`. May say yes too often (a quoted list, an inner variable of that name):
/// the variable then has a cell for nothing.
fn assigned(name: &str, forms: &[Sexp]) -> bool {
    forms.iter().filter_map(Sexp::list).any(|items| match items {
        [set, target, ..] if is(set, "set!") && is(target, name) => true,
        items => assigned(name, items),
    })
}

fn is(sexp: &Sexp, name: &str) -> bool {
    sexp.symbol().is_some_and(|symbol| &**symbol == name)
}

/// `(define name value)`, `(define (name . params) body ..)`: the name.
fn defined(sexp: &Sexp) -> Option<&Rc<str>> {
    match sexp.list()? {
        [define, target, ..] if is(define, "define") => match &target.form {
            Form::Symbol(name) => Some(name),
            Form::List(items, _) => items.first()?.symbol(),
            _ => None,
        },
        _ => None,
    }
}

const DEFINE: &str = "(define name value) or (define (name ..) body ..)";
const PARAMETERS: &str = "(name ..), (name .. . rest) or rest";

/// The names of parameters, and whether the last takes the rest.
fn parameters(sexp: &Sexp, items: &[Sexp], rest: Option<&Sexp>) -> Result<(Vec<Rc<str>>, bool), Error> {
    let names = items.iter().chain(rest).map(|item| item.symbol().cloned()).collect::<Option<_>>();
    Ok((names.ok_or_else(|| bad_form(sexp, PARAMETERS))?, rest.is_some()))
}

/// The names and initial values of a `let`.
fn bindings(sexp: &Sexp) -> Result<Vec<(Rc<str>, &Sexp)>, Error> {
    let usage = "((name value) ..)";
    let pairs = sexp.list().ok_or_else(|| bad_form(sexp, usage))?;
    pairs
        .iter()
        .map(|pair| match pair.list() {
            Some([name, value]) => Ok((name.symbol().ok_or_else(|| bad_form(pair, usage))?.clone(), value)),
            _ => Err(bad_form(pair, usage)),
        })
        .collect()
}

impl<'a, 'gc> Compiler<'a, 'gc> {
    pub(crate) fn new(mc: &'a Mc<'gc>, symbols: Gc<'gc, Symbols<'gc>>) -> Self {
        Compiler { mc, symbols, scope: Vec::new(), lambdas: 0 }
    }

    fn node(&self, node: Node<'gc>) -> Code<'gc> {
        self.mc.alloc(node)
    }

    fn bind(&self, value: Code<'gc>, body: Code<'gc>, keep: Keep, calls: bool, line: u32) -> Code<'gc> {
        self.node(Node::Bind { value, body, keep, calls, line })
    }

    // ---- names

    fn lookup(&self, name: &str) -> Place {
        let depth = self.scope.iter().rev().position(|slot| slot.name.as_deref() == Some(name));
        depth.map_or(Place::Global, |depth| Place::Binding {
            depth: depth as u32,
            cell: self.scope[self.scope.len() - 1 - depth].cell,
        })
    }

    /// The built-in that `sexp` names.
    fn builtin(&self, sexp: &Sexp) -> Option<&'static Builtin> {
        let name = sexp.symbol()?;
        match (self.lookup(name), self.symbols.intern(self.mc, name).global.get()) {
            (Place::Global, Value::Builtin(builtin)) => Some(builtin),
            _ => None,
        }
    }

    fn temporary(&mut self) {
        self.scope.push(Slot { name: None, cell: false });
    }

    /// The special form's name, if `head` names one and no variable hides it.
    fn special<'s>(&self, head: &'s Sexp) -> Option<&'s str> {
        let name = head.symbol()?;
        matches!(self.lookup(name), Place::Global).then_some(&**name)
    }

    fn variable(&mut self, name: &Rc<str>, line: u32) -> Code<'gc> {
        let symbol = self.symbols.intern(self.mc, name);
        self.node(match self.lookup(name) {
            Place::Binding { depth, cell: false } => Node::Local(depth),
            Place::Binding { depth, cell: true } => Node::LocalCell { depth, name: symbol, line },
            Place::Global => match symbol.global.get() {
                builtin @ Value::Builtin(_) => Node::Const(builtin),
                _ => Node::Global { symbol, line },
            },
        })
    }

    // ---- expressions

    /// Whether evaluating `sexp` calls no closure. Says no rather once too often.
    fn is_simple(&mut self, sexp: &Sexp) -> bool {
        let items = match &sexp.form {
            Form::List(items, None) => items.as_slice(),
            _ => return true,
        };
        let Some((head, rest)) = items.split_first() else { return true };
        match self.special(head) {
            Some("quote" | "lambda") => true,
            Some("define") => match rest {
                [Sexp { form: Form::Symbol(_), .. }, value] => self.is_simple(value),
                _ => true,
            },
            Some("if" | "and" | "or" | "begin" | "when" | "unless" | "set!") => {
                rest.iter().all(|item| self.is_simple(item))
            }
            Some("cond") => rest
                .iter()
                .all(|clause| clause.list().is_some_and(|items| items.iter().all(|item| self.is_simple(item)))),
            Some("let" | "let*" | "letrec" | "letrec*") => match rest {
                [list, body @ ..] => bindings(list).is_ok_and(|bindings| {
                    let base = self.scope.len();
                    // All that the body could hide a built-in with.
                    let names = bindings.iter().map(|(name, _)| name).chain(body.iter().filter_map(defined));
                    self.scope.extend(names.map(|name| Slot { name: Some(name.clone()), cell: false }));
                    let simple = bindings.iter().map(|&(_, value)| value).chain(body).all(|item| self.is_simple(item));
                    self.scope.truncate(base);
                    simple
                }),
                [] => false,
            },
            _ => self.builtin(head).is_some() && rest.iter().all(|item| self.is_simple(item)),
        }
    }

    /// Compiles `items` to simple operands, and what `finish` makes of them: those that call are bound to temporaries
    /// first, from left to right (C1).
    fn operands(
        &mut self,
        items: &[&Sexp],
        finish: impl FnOnce(&mut Self, Vec<Code<'gc>>) -> Result<Code<'gc>, Error>,
    ) -> Result<Code<'gc>, Error> {
        let base = self.scope.len();
        let mut bound = Vec::new();
        let mut levels = Vec::with_capacity(items.len());
        for item in items {
            levels.push(if self.is_simple(item) {
                None
            } else {
                bound.push((self.compile(item)?, item.line));
                self.temporary();
                Some(self.scope.len())
            });
        }
        let mut operands = Vec::with_capacity(items.len());
        for (item, level) in items.iter().zip(levels) {
            operands.push(match level {
                None => self.compile(item)?,
                Some(level) => self.node(Node::Local((self.scope.len() - level) as u32)),
            });
        }
        let body = finish(self, operands)?;
        self.scope.truncate(base);
        Ok(bound.into_iter().rev().fold(body, |body, (value, line)| self.bind(value, body, Keep::Value, true, line)))
    }

    /// [`operands`](Self::operands) for a single one.
    fn operand(
        &mut self,
        item: &Sexp,
        finish: impl FnOnce(&mut Self, Code<'gc>) -> Result<Code<'gc>, Error>,
    ) -> Result<Code<'gc>, Error> {
        self.operands(&[item], |this, operands| finish(this, operands[0]))
    }

    pub(crate) fn compile(&mut self, sexp: &Sexp) -> Result<Code<'gc>, Error> {
        match &sexp.form {
            Form::Symbol(name) => Ok(self.variable(name, sexp.line)),
            Form::List(items, None) => match items.split_first() {
                Some((head, rest)) => self.list(sexp, head, rest),
                None => Err(Error::new(sexp.line, "an empty call; the empty list is '()")),
            },
            Form::List(_, Some(_)) => Err(Error::new(sexp.line, "a dotted list is not an expression; quote it")),
            _ => Ok(self.constant(self.datum(sexp))),
        }
    }

    fn constant(&self, value: Value<'gc>) -> Code<'gc> {
        self.node(Node::Const(value))
    }

    fn datum(&self, sexp: &Sexp) -> Value<'gc> {
        match &sexp.form {
            Form::Int(int) => Value::Int(*int),
            Form::Float(float) => Value::Float(*float),
            Form::Bool(bool) => Value::Bool(*bool),
            Form::Text(text) => Value::text(self.mc, text),
            Form::Symbol(name) => Value::Symbol(self.symbols.intern(self.mc, name)),
            Form::List(items, tail) => {
                let tail = tail.as_ref().map_or(Value::Nil, |tail| self.datum(tail));
                items.iter().rev().fold(tail, |rest, item| Value::cons(self.mc, self.datum(item), rest))
            }
        }
    }

    fn list(&mut self, sexp: &Sexp, head: &Sexp, rest: &[Sexp]) -> Result<Code<'gc>, Error> {
        match (self.special(head), rest) {
            (Some("quote"), [datum]) => Ok(self.constant(self.datum(datum))),
            (Some("quote"), _) => Err(bad_form(sexp, "(quote datum)")),
            (Some("if"), [test, then, other @ ..]) if other.len() <= 1 => self.operand(test, |this, test| {
                let then = this.compile(then)?;
                let other = match other.first() {
                    Some(other) => this.compile(other)?,
                    None => this.constant(Value::Nil),
                };
                Ok(this.node(Node::If(test, then, other)))
            }),
            (Some("if"), _) => Err(bad_form(sexp, "(if test then else)")),
            (Some("when"), [test, body @ ..]) if !body.is_empty() => self.operand(test, |this, test| {
                let then = this.sequence(body)?;
                Ok(this.node(Node::If(test, then, this.constant(Value::Nil))))
            }),
            (Some("unless"), [test, body @ ..]) if !body.is_empty() => self.operand(test, |this, test| {
                let other = this.sequence(body)?;
                Ok(this.node(Node::If(test, this.constant(Value::Nil), other)))
            }),
            (Some("when" | "unless"), _) => Err(bad_form(sexp, "(when test body ..)")),
            (Some("cond"), clauses) => self.cond(clauses),
            (Some("and"), items) => self.and(items),
            (Some("or"), items) => self.or(items),
            (Some("begin"), body) if !body.is_empty() => self.sequence(body),
            (Some("begin"), _) => Err(bad_form(sexp, "(begin expression ..)")),
            (Some("set!"), [target, value]) if target.symbol().is_some() => self.assign(target, value),
            (Some("set!"), _) => Err(bad_form(sexp, "(set! name value)")),
            (Some("define"), _) => self.define(sexp, rest),
            (Some("lambda"), [params, body @ ..]) if !body.is_empty() => self.lambda("lambda", params, body),
            (Some("lambda"), _) => Err(bad_form(sexp, "(lambda (name ..) body ..)")),
            (Some("let"), [name, list, body @ ..]) if name.symbol().is_some() && !body.is_empty() => {
                self.named_let(sexp, name, list, body)
            }
            (Some(form @ ("let" | "let*")), [list, body @ ..]) if !body.is_empty() => {
                self.let_form(form == "let*", list, body)
            }
            (Some("letrec" | "letrec*"), [list, body @ ..]) if !body.is_empty() => self.letrec(list, body),
            (Some("let" | "let*" | "letrec" | "letrec*"), _) => Err(bad_form(sexp, "(let ((name value) ..) body ..)")),
            _ => self.call(sexp, head, rest),
        }
    }

    fn call(&mut self, sexp: &Sexp, head: &Sexp, rest: &[Sexp]) -> Result<Code<'gc>, Error> {
        let line = sexp.line;
        if let Some(builtin) = self.builtin(head) {
            builtin.check(rest.len()).map_err(|what| Error::new(line, what))?;
            return self.operands(&rest.iter().collect::<Vec<_>>(), |this, operands| {
                Ok(this.node(match *operands {
                    [a] => Node::Apply1 { builtin, a, line },
                    [a, b] => Node::Apply2 { builtin, a, b, line },
                    _ => Node::Apply { builtin, operands: this.mc.alloc_slice(operands), line },
                }))
            });
        }
        let items: Vec<&Sexp> = std::iter::once(head).chain(rest).collect();
        self.operands(&items, |this, mut operands| {
            let callee = operands.remove(0);
            Ok(this.node(Node::Call { callee, operands: this.mc.alloc_slice(operands), line }))
        })
    }

    // ---- special forms

    fn and(&mut self, items: &[Sexp]) -> Result<Code<'gc>, Error> {
        match items {
            [] => Ok(self.constant(Value::Bool(true))),
            [last] => self.compile(last),
            [first, rest @ ..] => self.operand(first, |this, test| {
                let then = this.and(rest)?;
                Ok(this.node(Node::If(test, then, this.constant(Value::Bool(false)))))
            }),
        }
    }

    fn or(&mut self, items: &[Sexp]) -> Result<Code<'gc>, Error> {
        match items {
            [] => Ok(self.constant(Value::Bool(false))),
            [last] => self.compile(last),
            [first, rest @ ..] => self.operand(first, |this, test| {
                let other = this.or(rest)?;
                Ok(this.node(Node::Or(test, other)))
            }),
        }
    }

    fn cond(&mut self, clauses: &[Sexp]) -> Result<Code<'gc>, Error> {
        let Some((clause, rest)) = clauses.split_first() else { return Ok(self.constant(Value::Nil)) };
        match clause.list() {
            Some([test, body @ ..]) if is(test, "else") && rest.is_empty() && !body.is_empty() => self.sequence(body),
            Some([test]) => self.operand(test, |this, test| {
                let other = this.cond(rest)?;
                Ok(this.node(Node::Or(test, other)))
            }),
            Some([test, body @ ..]) => self.operand(test, |this, test| {
                let then = this.sequence(body)?;
                let other = this.cond(rest)?;
                Ok(this.node(Node::If(test, then, other)))
            }),
            _ => Err(bad_form(clause, "(test body ..), or (else body ..) at the end")),
        }
    }

    fn sequence(&mut self, forms: &[Sexp]) -> Result<Code<'gc>, Error> {
        let (first, rest) = forms.split_first().expect("the callers have checked that there is a body");
        if rest.is_empty() {
            return self.compile(first);
        }
        let calls = !self.is_simple(first);
        let value = self.compile(first)?;
        let body = self.sequence(rest)?;
        Ok(self.bind(value, body, Keep::Nothing, calls, first.line))
    }

    /// A body: its definitions are variables of the whole of it.
    fn body(&mut self, forms: &[Sexp]) -> Result<Code<'gc>, Error> {
        let names: Vec<_> = forms.iter().filter_map(defined).cloned().collect();
        if names.is_empty() {
            return self.sequence(forms);
        }
        self.recursive(&names, |this| this.definitions(forms))
    }

    /// A sequence some of whose forms are definitions.
    fn definitions(&mut self, forms: &[Sexp]) -> Result<Code<'gc>, Error> {
        let (first, rest) = forms.split_first().expect("the callers have checked that there is a body");
        let calls = !self.is_simple(first);
        let value = match (defined(first), first.list()) {
            (Some(name), Some([_, parts @ ..])) => {
                self.definition(first, parts, |this, value| this.set_local(name, value))?
            }
            _ => self.compile(first)?,
        };
        if rest.is_empty() {
            return Ok(value);
        }
        let body = self.definitions(rest)?;
        Ok(self.bind(value, body, Keep::Nothing, calls, first.line))
    }

    /// Code in which `names` are variables that are not set yet.
    fn recursive(
        &mut self,
        names: &[Rc<str>],
        finish: impl FnOnce(&mut Self) -> Result<Code<'gc>, Error>,
    ) -> Result<Code<'gc>, Error> {
        let base = self.scope.len();
        self.scope.extend(names.iter().map(|name| Slot { name: Some(name.clone()), cell: true }));
        let body = finish(self)?;
        self.scope.truncate(base);
        let unset = self.constant(Value::Unset);
        Ok(names.iter().fold(body, |body, _| self.bind(unset, body, Keep::Cell, false, 0)))
    }

    fn letrec(&mut self, list: &Sexp, body: &[Sexp]) -> Result<Code<'gc>, Error> {
        let bindings = bindings(list)?;
        let names: Vec<_> = bindings.iter().map(|(name, _)| name.clone()).collect();
        self.recursive(&names, |this| {
            let mut sets = Vec::new();
            for (name, value) in &bindings {
                let calls = !this.is_simple(value);
                let set = this.named(name, value, |this, value| this.set_local(name, value))?;
                sets.push((set, calls, value.line));
            }
            let body = this.body(body)?;
            Ok(sets
                .into_iter()
                .rev()
                .fold(body, |body, (set, calls, line)| this.bind(set, body, Keep::Nothing, calls, line)))
        })
    }

    fn set_local(&mut self, name: &str, value: Code<'gc>) -> Code<'gc> {
        match self.lookup(name) {
            Place::Binding { depth, cell: true } => self.node(Node::SetLocal { depth, value }),
            _ => unreachable!("a variable that is assigned has a cell: `assigned` sees the whole of its scope"),
        }
    }

    fn let_form(&mut self, sequential: bool, list: &Sexp, body: &[Sexp]) -> Result<Code<'gc>, Error> {
        let bindings = bindings(list)?;
        let base = self.scope.len();
        let mut bound = Vec::new();
        for (at, (name, value)) in bindings.iter().enumerate() {
            let calls = !self.is_simple(value);
            let code = self.compile(value)?;
            let later = bindings[at + 1..].iter().any(|(_, value)| assigned(name, std::slice::from_ref(value)));
            let cell = assigned(name, body) || sequential && later;
            bound.push((code, calls, if cell { Keep::Cell } else { Keep::Value }, value.line));
            self.scope.push(Slot { name: sequential.then(|| name.clone()), cell });
        }
        for (slot, (name, _)) in self.scope[base..].iter_mut().zip(&bindings) {
            slot.name = Some(name.clone());
        }
        let body = self.body(body)?;
        self.scope.truncate(base);
        Ok(bound
            .into_iter()
            .rev()
            .fold(body, |body, (value, calls, keep, line)| self.bind(value, body, keep, calls, line)))
    }

    /// `(let loop ((name value) ..) body ..)`: the values first, where `loop` is not known yet.
    fn named_let(&mut self, sexp: &Sexp, name: &Sexp, list: &Sexp, body: &[Sexp]) -> Result<Code<'gc>, Error> {
        let name = name.symbol().expect("checked by the caller");
        let bindings = bindings(list)?;
        let base = self.scope.len();
        let mut bound = Vec::new();
        for (_, value) in &bindings {
            let calls = !self.is_simple(value);
            bound.push((self.compile(value)?, calls, value.line));
            self.temporary();
        }
        let count = bindings.len() as u32;
        let entry = self.recursive(std::slice::from_ref(name), |this| {
            let params: Vec<Rc<str>> = bindings.iter().map(|(name, _)| name.clone()).collect();
            let lambda = this.lambda_of(name, &params, false, body)?;
            let set = this.set_local(name, lambda);
            let operands: Vec<_> = (0..count).map(|at| this.node(Node::Local(count - at))).collect();
            let callee = this.variable(name, sexp.line);
            let operands = this.mc.alloc_slice(operands);
            let call = this.node(Node::Call { callee, operands, line: sexp.line });
            Ok(this.bind(set, call, Keep::Nothing, false, sexp.line))
        })?;
        self.scope.truncate(base);
        Ok(bound
            .into_iter()
            .rev()
            .fold(entry, |body, (value, calls, line)| self.bind(value, body, Keep::Value, calls, line)))
    }

    fn lambda(&mut self, name: &str, params: &Sexp, body: &[Sexp]) -> Result<Code<'gc>, Error> {
        let (names, rest) = match &params.form {
            Form::Symbol(rest) => (vec![rest.clone()], true),
            Form::List(items, tail) => parameters(params, items, tail.as_deref())?,
            _ => return Err(bad_form(params, PARAMETERS)),
        };
        self.lambda_of(name, &names, rest, body)
    }

    fn lambda_of(&mut self, name: &str, names: &[Rc<str>], rest: bool, body: &[Sexp]) -> Result<Code<'gc>, Error> {
        let base = self.scope.len();
        self.scope.extend(names.iter().map(|name| Slot { name: Some(name.clone()), cell: false }));
        // A parameter that is assigned is bound once more, with a cell.
        let mut cells = Vec::new();
        for name in names.iter().filter(|name| assigned(name, body)) {
            let Place::Binding { depth, .. } = self.lookup(name) else { unreachable!("a parameter is bound") };
            cells.push(self.node(Node::Local(depth)));
            self.scope.push(Slot { name: Some(name.clone()), cell: true });
        }
        self.lambdas += 1;
        let body = self.body(body)?;
        self.lambdas -= 1;
        let body = cells.into_iter().rev().fold(body, |body, value| self.bind(value, body, Keep::Cell, false, 0));
        self.scope.truncate(base);
        let name = self.symbols.intern(self.mc, name);
        let params = names.len() as u32 - u32::from(rest);
        Ok(self.node(Node::Lambda(self.mc.alloc(Lambda { name, params, rest, body }))))
    }

    fn assign(&mut self, target: &Sexp, value: &Sexp) -> Result<Code<'gc>, Error> {
        let name = target.symbol().expect("checked by the caller");
        match self.lookup(name) {
            Place::Binding { .. } => self.operand(value, |this, value| Ok(this.set_local(name, value))),
            Place::Global => {
                let symbol = self.global(name, target.line)?;
                let line = target.line;
                self.operand(value, |this, value| Ok(this.node(Node::SetGlobal { symbol, value, define: false, line })))
            }
        }
    }

    /// The symbol of a global variable that is to be set.
    fn global(&self, name: &str, line: u32) -> Result<Gc<'gc, Symbol<'gc>>, Error> {
        let symbol = self.symbols.intern(self.mc, name);
        match symbol.global.get() {
            Value::Builtin(_) => Err(Error::new(line, format!("{name} is built in and can't be changed"))),
            _ => Ok(symbol),
        }
    }

    /// A definition at the top level.
    fn define(&mut self, sexp: &Sexp, parts: &[Sexp]) -> Result<Code<'gc>, Error> {
        if self.lambdas > 0 || !self.scope.is_empty() {
            return Err(Error::new(sexp.line, "a define stands at the top level or in a body, not in an expression"));
        }
        let line = sexp.line;
        let name = defined(sexp).ok_or_else(|| bad_form(sexp, DEFINE))?;
        let symbol = self.global(name, line)?;
        self.definition(sexp, parts, |this, value| this.node(Node::SetGlobal { symbol, value, define: true, line }))
    }

    /// The value of a definition, and what `set` makes of it.
    fn definition(
        &mut self,
        sexp: &Sexp,
        parts: &[Sexp],
        set: impl FnOnce(&mut Self, Code<'gc>) -> Code<'gc>,
    ) -> Result<Code<'gc>, Error> {
        match parts {
            [Sexp { form: Form::Symbol(name), .. }, value] => self.named(name, value, set),
            [params @ Sexp { form: Form::List(items, tail), .. }, body @ ..] if !body.is_empty() => {
                let [Sexp { form: Form::Symbol(name), .. }, items @ ..] = items.as_slice() else {
                    return Err(bad_form(sexp, DEFINE));
                };
                let (names, rest) = parameters(params, items, tail.as_deref())?;
                let value = self.lambda_of(name, &names, rest, body)?;
                Ok(set(self, value))
            }
            _ => Err(bad_form(sexp, DEFINE)),
        }
    }

    /// The value of the variable `name`, and what `set` makes of it; a lambda gets the name.
    fn named(
        &mut self,
        name: &Rc<str>,
        value: &Sexp,
        set: impl FnOnce(&mut Self, Code<'gc>) -> Code<'gc>,
    ) -> Result<Code<'gc>, Error> {
        match value.list() {
            Some([head, params, body @ ..]) if self.special(head) == Some("lambda") && !body.is_empty() => {
                let value = self.lambda(name, params, body)?;
                Ok(set(self, value))
            }
            _ => self.operand(value, |this, value| Ok(set(this, value))),
        }
    }
}
