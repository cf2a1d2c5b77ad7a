//! The evaluator: recursive, over a scope, collecting at any depth.
//!
//! E1. Inside a region values are plain `Gc`s, and nothing is rooted. A region lasts as long as the code goes on in tail
//!     position: bindings, conditions, built-ins and tail calls stay in it, until the collector asks for the thread.
//! E2. A call that is not the last thing to do ends the region: what is left to do stands in the activation's two locals,
//!     and the call is a recursion of `run` in a scope of its own.
//! E3. Its result comes back in a register, an object of the heap: locals end with their scope.

use gc_core::{Gc, Local, Owned, Scope};

use crate::builtins::Builtin;
use crate::code::{Code, Keep, Node};
use crate::error::Error;
use crate::value::{Binding, Closure, Mc, Value, Variable};

/// Calls inside one another, at most. With [`STACK`] it leaves 10 KiB for each, in a build without optimisation too.
pub(crate) const MAX_DEPTH: usize = 50_000;
/// Bytes of stack for the thread that evaluates. Reserved, and used only as far as a program recurses.
pub(crate) const STACK: usize = 512 << 20;

type Env<'gc> = Gc<'gc, Binding<'gc>>;

/// Why a region ended.
enum Next {
    /// The value is in the register.
    Done,
    /// The collector asked for the thread.
    Yield,
    /// A call is to be made; its code and environment stand in the callee's locals.
    Call { line: u32 },
}

/// What evaluation needs, whatever is evaluated.
pub(crate) struct Evaluator<'m, 'f> {
    /// The register of results (E3).
    pub(crate) result: Local<'m, Variable<'static>>,
    /// Called between regions when the collector has asked for the thread.
    pub(crate) on_yield: &'f dyn Fn(),
}

impl Evaluator<'_, '_> {
    /// Evaluates `code` in `env`; the value is in the register then. Both locals are the activation's own from now on.
    pub(crate) fn run(
        &self,
        scope: &mut Scope<'_, Owned>,
        code: Local<'_, Node<'static>>,
        env: Local<'_, Binding<'static>>,
        depth: usize,
    ) -> Result<(), Error> {
        scope.scope(|scope| {
            let mut callee = None;
            let mut called = false;
            loop {
                let next = scope.mutate(|mc| {
                    let (mut at, mut bindings) = (code.get(mc), env.get(mc));
                    if called {
                        let Node::Bind { body, keep, .. } = Gc::as_ref(at) else { unreachable!("E2: only these call") };
                        (at, bindings) = (*body, extend(mc, *keep, self.result.get(mc).get(), bindings));
                    }
                    loop {
                        match Gc::as_ref(at) {
                            Node::Bind { value, body, keep, calls: false, .. } => {
                                let value = simple(mc, *value, bindings)?;
                                (at, bindings) = (*body, extend(mc, *keep, value, bindings));
                            }
                            Node::Bind { value, line, .. } => {
                                code.set(mc, at);
                                env.set(mc, bindings);
                                match callee {
                                    None => callee = Some((mc.local(*value), mc.local(bindings))),
                                    Some((code, env)) => {
                                        code.set(mc, *value);
                                        env.set(mc, bindings);
                                    }
                                }
                                return Ok(Next::Call { line: *line });
                            }
                            Node::If(test, then, other) => {
                                at = if simple(mc, *test, bindings)?.is_true() { *then } else { *other };
                            }
                            Node::Call { callee, operands, line } => match simple(mc, *callee, bindings)? {
                                Value::Closure(closure) => {
                                    bindings = enter(mc, closure, operands, bindings, *line)?;
                                    at = closure.lambda.body;
                                    if mc.should_yield() {
                                        code.set(mc, at);
                                        env.set(mc, bindings);
                                        return Ok(Next::Yield);
                                    }
                                }
                                Value::Builtin(builtin) => {
                                    let value = apply(mc, builtin, operands, bindings, *line)?;
                                    return self.done(mc, value);
                                }
                                other => return Err(Error::new(*line, format!("a call of {}", other.kind()))),
                            },
                            Node::Or(first, second) => {
                                let value = simple(mc, *first, bindings)?;
                                if value.is_true() {
                                    return self.done(mc, value);
                                }
                                at = *second;
                            }
                            _ => {
                                let value = simple(mc, at, bindings)?;
                                return self.done(mc, value);
                            }
                        }
                    }
                })?;
                called = false;
                match next {
                    Next::Done => return Ok(()),
                    Next::Yield => (self.on_yield)(),
                    Next::Call { line } => {
                        if depth == MAX_DEPTH {
                            return Err(Error::new(
                                line,
                                format!("stack overflow: {MAX_DEPTH} calls inside one another"),
                            ));
                        }
                        let (code, env) = callee.expect("set where the region ended");
                        self.run(scope, code, env, depth + 1)?;
                        called = true;
                    }
                }
            }
        })
    }

    #[inline(always)]
    fn done<'gc>(&self, mc: &Mc<'gc>, value: Value<'gc>) -> Result<Next, Error> {
        self.result.get(mc).set(mc, value);
        Ok(Next::Done)
    }
}

/// `env` with what `keep` makes of `value`.
#[inline(always)]
fn extend<'gc>(mc: &Mc<'gc>, keep: Keep, value: Value<'gc>, env: Env<'gc>) -> Env<'gc> {
    let value = match keep {
        Keep::Nothing => return env,
        Keep::Value => value,
        Keep::Cell => Value::Cell(mc.alloc(Variable::new(value))),
    };
    mc.alloc(Binding { value, next: Some(env) })
}

/// The environment of a closure's body.
#[inline(always)]
fn enter<'gc>(
    mc: &Mc<'gc>,
    closure: Gc<'gc, Closure<'gc>>,
    operands: &[Code<'gc>],
    env: Env<'gc>,
    line: u32,
) -> Result<Env<'gc>, Error> {
    let lambda = closure.lambda;
    let params = lambda.params as usize;
    if operands.len() < params || operands.len() > params && !lambda.rest {
        let at_least = if lambda.rest { "at least " } else { "" };
        let (name, given) = (&*lambda.name.name, operands.len());
        return Err(Error::new(line, format!("{name} takes {at_least}{params} arguments, and is given {given}")));
    }
    let mut inner = closure.env;
    for operand in &operands[..params] {
        inner = extend(mc, Keep::Value, simple(mc, *operand, env)?, inner);
    }
    if lambda.rest {
        let rest: Result<Vec<_>, _> = operands[params..].iter().map(|operand| simple(mc, *operand, env)).collect();
        inner = extend(mc, Keep::Value, Value::list(mc, rest?), inner);
    }
    Ok(inner)
}

#[inline(always)]
fn binding<'gc>(env: Env<'gc>, depth: u32) -> Value<'gc> {
    let mut at = env;
    for _ in 0..depth {
        at = at.next.expect("C2: the compiler counts the bindings");
    }
    at.value
}

#[inline(always)]
fn cell<'gc>(env: Env<'gc>, depth: u32) -> Gc<'gc, Variable<'gc>> {
    match binding(env, depth) {
        Value::Cell(cell) => cell,
        _ => unreachable!("the compiler knows which variables have cells"),
    }
}

/// Evaluates simple code (`code` C1): no closure is called, so the region needs no safepoint here. Most of it is variables
/// and constants, which are looked at in place.
#[inline(always)]
fn simple<'gc>(mc: &Mc<'gc>, at: Code<'gc>, env: Env<'gc>) -> Result<Value<'gc>, Error> {
    match Gc::as_ref(at) {
        Node::Local(depth) => Ok(binding(env, *depth)),
        Node::Const(value) => Ok(*value),
        _ => compound(mc, at, env),
    }
}

fn compound<'gc>(mc: &Mc<'gc>, mut at: Code<'gc>, mut env: Env<'gc>) -> Result<Value<'gc>, Error> {
    loop {
        return Ok(match Gc::as_ref(at) {
            Node::Const(value) => *value,
            Node::Local(depth) => binding(env, *depth),
            Node::LocalCell { depth, name, line } => match cell(env, *depth).get() {
                Value::Unset => return Err(unset(*line, &name.name)),
                value => value,
            },
            Node::Global { symbol, line } => match symbol.global.get() {
                Value::Unset => return Err(unset(*line, &symbol.name)),
                value => value,
            },
            Node::Apply2 { builtin, a, b, line } => {
                let (a, b) = (simple(mc, *a, env)?, simple(mc, *b, env)?);
                match builtin.quick2(a, b) {
                    Some(value) => value,
                    None => builtin.call(mc, &[a, b], *line)?,
                }
            }
            Node::Apply1 { builtin, a, line } => builtin.call(mc, &[simple(mc, *a, env)?], *line)?,
            Node::Apply { builtin, operands, line } => apply(mc, builtin, operands, env, *line)?,
            Node::If(test, then, other) => {
                at = if simple(mc, *test, env)?.is_true() { *then } else { *other };
                continue;
            }
            Node::Or(first, second) => {
                let value = simple(mc, *first, env)?;
                if value.is_true() {
                    return Ok(value);
                }
                at = *second;
                continue;
            }
            Node::Bind { value, body, keep, .. } => {
                env = extend(mc, *keep, simple(mc, *value, env)?, env);
                at = *body;
                continue;
            }
            Node::Lambda(lambda) => Value::Closure(mc.alloc(Closure { lambda: *lambda, env })),
            Node::SetLocal { depth, value } => {
                let value = simple(mc, *value, env)?;
                cell(env, *depth).set(mc, value);
                Value::Nil
            }
            Node::SetGlobal { symbol, value, define, line } => {
                let value = simple(mc, *value, env)?;
                if !define && matches!(symbol.global.get(), Value::Unset) {
                    return Err(unset(*line, &symbol.name));
                }
                symbol.global.set(mc, value);
                Value::Nil
            }
            Node::Call { .. } => unreachable!("C1: simple code does not call"),
        });
    }
}

#[cold]
fn unset(line: u32, name: &str) -> Error {
    Error::new(line, format!("{name} is not defined"))
}

fn apply<'gc>(
    mc: &Mc<'gc>,
    builtin: &'static Builtin,
    operands: &[Code<'gc>],
    env: Env<'gc>,
    line: u32,
) -> Result<Value<'gc>, Error> {
    builtin.check(operands.len()).map_err(|what| Error::new(line, what))?;
    let operands: Result<Vec<_>, _> = operands.iter().map(|operand| simple(mc, *operand, env)).collect();
    builtin.call(mc, &operands?, line)
}
