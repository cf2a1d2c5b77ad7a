//! The machine's loop.
//!
//! R1. While the loop runs, the stack, the frames and the open upvalues are variables of Rust: they cost no barrier. The
//!     loop lasts for as long as its region, so no safepoint finds them there.
//! R2. At a safepoint that the collector asks for, they are copied into a new object ([`Suspended`]) that the root holds,
//!     and the region ends; the next begins by copying them back. So a store to the stack costs what it costs in C, and a
//!     safepoint some nanoseconds for each slot in use.
//! R3. `base + slots` of the running function is below [`STACK`] (checked by each call), so the mask that spares the
//!     bounds checks changes no index.

use std::fmt::Write as _;
use std::io::Write as _;

use gc_core::{AllocError, Gc, GcCell, Mutation, Owned, Thin};

use crate::code::{Capture, Instr};
use crate::machine::{FRAMES, Frame, Host, Machine, NATIVES, STACK, Suspended};
use crate::object::{BoundMethod, Class, Closure, Instance, Upvalue};
use crate::property::{Property, property, store, super_method};
use crate::value::{Kind, Value};

/// How a region of the loop ended.
pub(crate) enum Outcome {
    /// The collector asks for the thread: go on in another region.
    Yield,
    Done,
    /// A run-time error, with the calls that led to it.
    Error(String),
}

const MASK: usize = STACK - 1;

/// Adds what are not two numbers.
#[cold]
#[inline(never)]
fn add<'gc>(
    mc: &Mutation<'gc, Owned>,
    machine: &Machine<'gc>,
    a: Value<'gc>,
    b: Value<'gc>,
) -> Result<Value<'gc>, String> {
    match (a.as_string(), b.as_string()) {
        (Some(a), Some(b)) => machine.interner.concatenate(mc, a, b).map(Value::string).map_err(refused),
        _ => Err("Operands must be two numbers or two strings.".into()),
    }
}

/// The heap's limit is reached. What could be freed was, at the last safepoint (docs/settings.md).
#[cold]
#[inline(never)]
fn refused(_: AllocError) -> String {
    "Out of memory.".into()
}

#[cold]
#[inline(never)]
fn not_numbers() -> String {
    "Operands must be numbers.".into()
}

/// Why a function can't be called.
#[cold]
#[inline(never)]
fn refusal(arity: u32, arguments: u8) -> String {
    if arity == u32::from(arguments) {
        "Stack overflow.".into()
    } else {
        format!("Expected {arity} arguments but got {arguments}.")
    }
}

/// The error with a line for each call under way, the innermost first.
#[cold]
fn trace(mut message: String, frames: &[Frame<'_>]) -> String {
    for frame in frames.iter().rev() {
        let function = frame.closure.function;
        let line = function.lines[frame.ip as usize - 1];
        let _ = match function.name {
            None => write!(message, "\n[line {line}] in script"),
            Some(name) => write!(message, "\n[line {line}] in {}()", &*name),
        };
    }
    message
}

/// Moves the variables from `slot` on off the stack, into their upvalues.
#[cold]
#[inline(never)]
fn close_upvalues<'gc>(
    mc: &Mutation<'gc, Owned>,
    open: &mut Vec<Gc<'gc, Upvalue<'gc>>>,
    stack: &[Value<'gc>; STACK],
    slot: usize,
) {
    while let Some(upvalue) = open.pop_if(|upvalue| upvalue.slot.get() >= slot) {
        upvalue.closed.set(mc, stack[upvalue.slot.get() & MASK]);
        upvalue.slot.set(Upvalue::CLOSED);
    }
}

/// The upvalue of a stack slot: the one that is open, or a new one.
fn capture<'gc>(
    mc: &Mutation<'gc, Owned>,
    open: &mut Vec<Gc<'gc, Upvalue<'gc>>>,
    slot: usize,
) -> Result<Gc<'gc, Upvalue<'gc>>, AllocError> {
    let place = open
        .iter()
        .rposition(|upvalue| upvalue.slot.get() <= slot)
        .map_or(0, |below| below + usize::from(open[below].slot.get() < slot));
    if let Some(&known) = open.get(place)
        && known.slot.get() == slot
    {
        return Ok(known);
    }
    let upvalue = mc.try_alloc(Upvalue { slot: slot.into(), closed: GcCell::new(Value::NIL) })?;
    open.insert(place, upvalue);
    Ok(upvalue)
}

/// One past the highest slot that an upvalue is open for.
fn top_of(open: &[Gc<'_, Upvalue<'_>>]) -> usize {
    open.last().map_or(0, |upvalue| upvalue.slot.get() + 1)
}

/// The machine's state as an object.
#[cold]
#[inline(never)]
fn suspend<'gc>(
    mc: &Mutation<'gc, Owned>,
    stack: &[Value<'gc>],
    frames: &[Frame<'gc>],
    open: &[Gc<'gc, Upvalue<'gc>>],
) -> Result<Gc<'gc, Suspended<'gc>>, AllocError> {
    mc.try_alloc(Suspended {
        stack: mc.try_alloc_slice(stack.iter().copied())?,
        frames: mc.try_alloc_slice(frames.iter().copied())?,
        open: mc.try_alloc_slice(open.iter().copied())?,
    })
}

/// Runs until the program ends or the collector asks for the thread. With `ZEAL` each safepoint counts.
pub(crate) fn run<'gc, const ZEAL: bool>(
    mc: &'gc Mutation<'gc, Owned>,
    machine: &Machine<'gc>,
    host: &mut Host,
) -> Outcome {
    let suspended = machine.suspended.get().expect("a program has been loaded");
    let mut stack = [Value::NIL; STACK];
    let stack = &mut stack;
    let mut sp = suspended.stack.len();
    stack[..sp].copy_from_slice(&suspended.stack);
    let mut open = suspended.open.to_vec();
    let mut open_top = top_of(&open);
    let globals = Thin::as_ref(machine.globals.get());

    let mut depth = suspended.frames.len() - 1;
    let mut frames = [suspended.frames[depth]; FRAMES];
    frames[..depth].copy_from_slice(&suspended.frames[..depth]);
    let mut closure = frames[depth].closure;
    let mut function = Gc::as_ref(closure.function);
    let mut code = &*function.code;
    let mut ip = frames[depth].ip as usize;
    let mut base = frames[depth].base as usize;

    macro_rules! at {
        ($slot:expr) => {
            stack[($slot) & MASK]
        };
    }
    macro_rules! local {
        ($index:expr) => {
            at!(base + usize::from($index))
        };
    }
    macro_rules! push {
        ($value:expr) => {{
            let value = $value;
            at!(sp) = value;
            sp += 1;
        }};
    }
    macro_rules! pop {
        () => {{
            sp -= 1;
            at!(sp)
        }};
    }
    macro_rules! constant {
        ($index:expr) => {
            Gc::as_ref(function.constants)[usize::from($index)]
        };
    }
    macro_rules! cache {
        ($index:expr) => {
            &Gc::as_ref(function.caches)[usize::from($index)]
        };
    }
    macro_rules! fail {
        ($message:expr) => {{
            let message: String = $message.into();
            frames[depth & (FRAMES - 1)] = Frame { closure, ip: ip as u32, base: base as u32 };
            return Outcome::Error(trace(message, &frames[..=depth]));
        }};
    }
    macro_rules! check {
        ($result:expr) => {
            match $result {
                Ok(value) => value,
                Err(message) => fail!(message),
            }
        };
    }
    macro_rules! new {
        ($result:expr) => {
            check!(($result).map_err(refused))
        };
    }
    macro_rules! safepoint {
        () => {
            if mc.should_yield() || ZEAL && host.zeal_strikes() {
                frames[depth & (FRAMES - 1)] = Frame { closure, ip: ip as u32, base: base as u32 };
                let now = suspend(mc, &stack[..sp], &frames[..=depth], &open);
                machine.suspended.set(mc, Some(new!(now)));
                return Outcome::Yield;
            }
        };
    }
    macro_rules! call {
        ($callee:expr, $arguments:expr) => {{
            let (callee, arguments): (Gc<'gc, Closure<'gc>>, u8) = ($callee, $arguments);
            let called = Gc::as_ref(callee.function);
            let its_base = sp - usize::from(arguments) - 1;
            if called.arity != u32::from(arguments) || depth == FRAMES - 1 || its_base + called.slots > STACK {
                fail!(refusal(called.arity, arguments));
            }
            frames[depth & (FRAMES - 1)] = Frame { closure, ip: ip as u32, base: base as u32 };
            depth += 1;
            closure = callee;
            function = called;
            code = &called.code;
            ip = 0;
            base = its_base;
            safepoint!();
        }};
    }
    macro_rules! call_value {
        ($callee:expr, $arguments:expr) => {{
            let (callee, arguments): (Value<'gc>, u8) = ($callee, $arguments);
            if let Some(callee) = callee.as_closure() {
                call!(callee, arguments);
            } else if let Some(class) = callee.as_class() {
                at!(sp - usize::from(arguments) - 1) = Value::instance(new!(Instance::alloc(mc, class)));
                if let Some(init) = class.init.get() {
                    call!(init, arguments);
                } else if arguments != 0 {
                    fail!(refusal(0, arguments));
                }
            } else {
                match callee.kind() {
                    Kind::Bound(bound) => {
                        at!(sp - usize::from(arguments) - 1) = bound.receiver;
                        call!(bound.method, arguments);
                    }
                    Kind::Native(native) => {
                        let first = sp - usize::from(arguments);
                        let result = NATIVES[native].1(&stack[first..sp]);
                        sp = first;
                        at!(sp - 1) = Value::number(result);
                    }
                    _ => fail!("Can only call functions and classes."),
                }
            }
        }};
    }
    // What an operator takes from the stack and what it takes from elsewhere: `$apply!(a, b, where the result goes)`.
    macro_rules! ss {
        ($apply:ident $(, $more:tt)*) => {{ sp -= 1; $apply!(at!(sp - 1), at!(sp), sp - 1 $(, $more)*) }};
    }
    macro_rules! sl {
        ($b:expr, $apply:ident $(, $more:tt)*) => { $apply!(at!(sp - 1), local!($b), sp - 1 $(, $more)*) };
    }
    macro_rules! sk {
        ($b:expr, $apply:ident $(, $more:tt)*) => { $apply!(at!(sp - 1), constant!($b), sp - 1 $(, $more)*) };
    }
    macro_rules! ll {
        ($a:expr, $b:expr, $apply:ident $(, $more:tt)*) => {{
            sp += 1;
            $apply!(local!($a), local!($b), sp - 1 $(, $more)*)
        }};
    }
    macro_rules! lk {
        ($a:expr, $b:expr, $apply:ident $(, $more:tt)*) => {{
            sp += 1;
            $apply!(local!($a), constant!($b), sp - 1 $(, $more)*)
        }};
    }
    macro_rules! plus {
        ($a:expr, $b:expr, $to:expr) => {{
            let (a, b) = ($a, $b);
            at!($to) = match (a.as_number(), b.as_number()) {
                (Some(a), Some(b)) => Value::number(a + b),
                _ => check!(add(mc, machine, a, b)),
            };
        }};
    }
    macro_rules! arithmetic {
        ($a:expr, $b:expr, $to:expr, $operator:tt) => {{
            let (Some(a), Some(b)) = ($a.as_number(), $b.as_number()) else { fail!(not_numbers()) };
            at!($to) = Value::number(a $operator b);
        }};
    }
    macro_rules! compare {
        ($a:expr, $b:expr, $to:expr, $operator:tt) => {{
            let (Some(a), Some(b)) = ($a.as_number(), $b.as_number()) else { fail!(not_numbers()) };
            at!($to) = Value::bool(a $operator b);
        }};
    }
    // The result does not go anywhere: the condition's slot is free again.
    macro_rules! branch {
        ($a:expr, $b:expr, $to:expr, $operator:tt, $when:tt, $target:tt) => {{
            let (Some(a), Some(b)) = ($a.as_number(), $b.as_number()) else { fail!(not_numbers()) };
            sp = $to;
            if (a $operator b) == $when {
                ip = $target as usize;
            }
        }};
    }

    loop {
        let instr = code[ip];
        ip += 1;
        match instr {
            Instr::Constant(index) => push!(constant!(index)),
            Instr::Nil => push!(Value::NIL),
            Instr::True => push!(Value::TRUE),
            Instr::False => push!(Value::FALSE),
            Instr::Pop => sp -= 1,
            Instr::GetLocal(index) => push!(local!(index)),
            Instr::SetLocal(index) => local!(index) = at!(sp - 1),
            Instr::SetLocalPop(index) => local!(index) = pop!(),
            Instr::GetGlobal(slot) => {
                let value = globals[slot as usize].get();
                if value.is_undefined() {
                    fail!(format!("Undefined variable '{}'.", host.globals.name(slot)));
                }
                push!(value);
            }
            Instr::DefineGlobal(slot) => globals[slot as usize].set(mc, pop!()),
            Instr::SetGlobal(slot) => {
                let global = &globals[slot as usize];
                if global.get().is_undefined() {
                    fail!(format!("Undefined variable '{}'.", host.globals.name(slot)));
                }
                global.set(mc, at!(sp - 1));
            }
            Instr::SetGlobalPop(slot) => {
                let global = &globals[slot as usize];
                if global.get().is_undefined() {
                    fail!(format!("Undefined variable '{}'.", host.globals.name(slot)));
                }
                global.set(mc, pop!());
            }
            Instr::GetUpvalue(index) => {
                let upvalue = Thin::as_ref(closure.upvalues)[usize::from(index)];
                let slot = upvalue.slot.get();
                push!(if slot == Upvalue::CLOSED { upvalue.closed.get() } else { at!(slot) });
            }
            Instr::SetUpvalue(index) => {
                let upvalue = Thin::as_ref(closure.upvalues)[usize::from(index)];
                let (slot, value) = (upvalue.slot.get(), at!(sp - 1));
                if slot == Upvalue::CLOSED {
                    upvalue.closed.set(mc, value);
                } else {
                    at!(slot) = value;
                }
            }
            Instr::GetProperty(index) => {
                let Some(instance) = at!(sp - 1).as_instance() else { fail!("Only instances have properties.") };
                at!(sp - 1) = match check!(property(mc, cache!(index), instance.shape.get())) {
                    Property::Field(place) => instance.get(place),
                    Property::Method(method) => {
                        Value::bound(new!(mc.try_alloc(BoundMethod { receiver: Value::instance(instance), method })))
                    }
                };
            }
            Instr::GetLocalProperty(local, index) => {
                let Some(instance) = local!(local).as_instance() else { fail!("Only instances have properties.") };
                push!(match check!(property(mc, cache!(index), instance.shape.get())) {
                    Property::Field(place) => instance.get(place),
                    Property::Method(method) => {
                        Value::bound(new!(mc.try_alloc(BoundMethod { receiver: Value::instance(instance), method })))
                    }
                });
            }
            Instr::SetProperty(index) => {
                let Some(instance) = at!(sp - 2).as_instance() else { fail!("Only instances have fields.") };
                let value = pop!();
                new!(store(mc, cache!(index), instance, value));
                at!(sp - 1) = value;
            }
            Instr::SetPropertyPop(index) => {
                let Some(instance) = at!(sp - 2).as_instance() else { fail!("Only instances have fields.") };
                let value = pop!();
                new!(store(mc, cache!(index), instance, value));
                sp -= 1;
            }
            Instr::GetSuper(index) => {
                let class = pop!().as_class().expect("`super` names a class");
                let method = check!(super_method(mc, cache!(index), class));
                at!(sp - 1) = Value::bound(new!(mc.try_alloc(BoundMethod { receiver: at!(sp - 1), method })));
            }
            Instr::Equal => {
                sp -= 1;
                at!(sp - 1) = Value::bool(at!(sp - 1) == at!(sp));
            }
            Instr::Not => at!(sp - 1) = Value::bool(at!(sp - 1).is_falsey()),
            Instr::Negate => {
                let Some(number) = at!(sp - 1).as_number() else { fail!("Operand must be a number.") };
                at!(sp - 1) = Value::number(-number);
            }
            Instr::AddSS => ss!(plus),
            Instr::AddSL(b) => sl!(b, plus),
            Instr::AddSK(b) => sk!(b, plus),
            Instr::AddLL(a, b) => ll!(a, b, plus),
            Instr::AddLK(a, b) => lk!(a, b, plus),
            Instr::SubtractSS => ss!(arithmetic, -),
            Instr::SubtractSL(b) => sl!(b, arithmetic, -),
            Instr::SubtractSK(b) => sk!(b, arithmetic, -),
            Instr::SubtractLL(a, b) => ll!(a, b, arithmetic, -),
            Instr::SubtractLK(a, b) => lk!(a, b, arithmetic, -),
            Instr::MultiplySS => ss!(arithmetic, *),
            Instr::MultiplySL(b) => sl!(b, arithmetic, *),
            Instr::MultiplySK(b) => sk!(b, arithmetic, *),
            Instr::MultiplyLL(a, b) => ll!(a, b, arithmetic, *),
            Instr::MultiplyLK(a, b) => lk!(a, b, arithmetic, *),
            Instr::DivideSS => ss!(arithmetic, /),
            Instr::DivideSL(b) => sl!(b, arithmetic, /),
            Instr::DivideSK(b) => sk!(b, arithmetic, /),
            Instr::DivideLL(a, b) => ll!(a, b, arithmetic, /),
            Instr::DivideLK(a, b) => lk!(a, b, arithmetic, /),
            Instr::LessSS => ss!(compare, <),
            Instr::LessSL(b) => sl!(b, compare, <),
            Instr::LessSK(b) => sk!(b, compare, <),
            Instr::LessLL(a, b) => ll!(a, b, compare, <),
            Instr::LessLK(a, b) => lk!(a, b, compare, <),
            Instr::GreaterSS => ss!(compare, >),
            Instr::GreaterSL(b) => sl!(b, compare, >),
            Instr::GreaterSK(b) => sk!(b, compare, >),
            Instr::GreaterLL(a, b) => ll!(a, b, compare, >),
            Instr::GreaterLK(a, b) => lk!(a, b, compare, >),
            Instr::Print => {
                // What can't be written is found when the buffer is flushed at last.
                let _ = writeln!(host.out, "{}", pop!());
            }
            Instr::Jump(target) => ip = target as usize,
            Instr::Loop(target) => {
                ip = target as usize;
                safepoint!();
            }
            Instr::JumpIfFalse(target) => {
                if at!(sp - 1).is_falsey() {
                    ip = target as usize;
                }
            }
            Instr::JumpIfTrue(target) => {
                if !at!(sp - 1).is_falsey() {
                    ip = target as usize;
                }
            }
            Instr::Unless(target) => {
                if pop!().is_falsey() {
                    ip = target as usize;
                }
            }
            Instr::If(target) => {
                if !pop!().is_falsey() {
                    ip = target as usize;
                }
            }
            Instr::UnlessEqual(target) => {
                sp -= 2;
                if at!(sp) != at!(sp + 1) {
                    ip = target as usize;
                }
            }
            Instr::IfEqual(target) => {
                sp -= 2;
                if at!(sp) == at!(sp + 1) {
                    ip = target as usize;
                }
            }
            Instr::UnlessLessSS(to) => ss!(branch, <, false, to),
            Instr::UnlessLessSL(b, to) => sl!(b, branch, <, false, to),
            Instr::UnlessLessSK(b, to) => sk!(b, branch, <, false, to),
            Instr::UnlessLessLL(a, b, to) => ll!(a, b, branch, <, false, to),
            Instr::UnlessLessLK(a, b, to) => lk!(a, b, branch, <, false, to),
            Instr::IfLessSS(to) => ss!(branch, <, true, to),
            Instr::IfLessSL(b, to) => sl!(b, branch, <, true, to),
            Instr::IfLessSK(b, to) => sk!(b, branch, <, true, to),
            Instr::IfLessLL(a, b, to) => ll!(a, b, branch, <, true, to),
            Instr::IfLessLK(a, b, to) => lk!(a, b, branch, <, true, to),
            Instr::UnlessGreaterSS(to) => ss!(branch, >, false, to),
            Instr::UnlessGreaterSL(b, to) => sl!(b, branch, >, false, to),
            Instr::UnlessGreaterSK(b, to) => sk!(b, branch, >, false, to),
            Instr::UnlessGreaterLL(a, b, to) => ll!(a, b, branch, >, false, to),
            Instr::UnlessGreaterLK(a, b, to) => lk!(a, b, branch, >, false, to),
            Instr::IfGreaterSS(to) => ss!(branch, >, true, to),
            Instr::IfGreaterSL(b, to) => sl!(b, branch, >, true, to),
            Instr::IfGreaterSK(b, to) => sk!(b, branch, >, true, to),
            Instr::IfGreaterLL(a, b, to) => ll!(a, b, branch, >, true, to),
            Instr::IfGreaterLK(a, b, to) => lk!(a, b, branch, >, true, to),
            Instr::Call(arguments) => call_value!(at!(sp - 1 - usize::from(arguments)), arguments),
            Instr::Invoke(index, arguments) => {
                let receiver = sp - 1 - usize::from(arguments);
                let Some(instance) = at!(receiver).as_instance() else { fail!("Only instances have methods.") };
                match check!(property(mc, cache!(index), instance.shape.get())) {
                    Property::Method(method) => call!(method, arguments),
                    Property::Field(place) => {
                        let callee = instance.get(place);
                        at!(receiver) = callee;
                        call_value!(callee, arguments);
                    }
                }
            }
            Instr::SuperInvoke(index, arguments) => {
                let class = pop!().as_class().expect("`super` names a class");
                let method = check!(super_method(mc, cache!(index), class));
                call!(method, arguments);
            }
            Instr::Closure(index) => {
                let made = Gc::as_ref(function.functions)[usize::from(index)];
                let mut upvalues = new!(mc.slice_builder(made.captures.len()));
                for &from in &made.captures {
                    upvalues.push(match from {
                        Capture::Local(index) => new!(capture(mc, &mut open, base + usize::from(index))),
                        Capture::Upvalue(index) => Thin::as_ref(closure.upvalues)[usize::from(index)],
                    });
                }
                open_top = top_of(&open);
                let upvalues = upvalues.finish().into();
                push!(Value::closure(new!(mc.try_alloc(Closure { function: made, upvalues }))));
            }
            Instr::CloseUpvalue => {
                sp -= 1;
                close_upvalues(mc, &mut open, stack, sp);
                open_top = top_of(&open);
            }
            Instr::Return | Instr::ReturnNil => {
                let result = if instr == Instr::Return { at!(sp - 1) } else { Value::NIL };
                if open_top > base {
                    close_upvalues(mc, &mut open, stack, base);
                    open_top = top_of(&open);
                }
                if depth == 0 {
                    machine.suspended.set(mc, None);
                    return Outcome::Done;
                }
                at!(base) = result;
                sp = base + 1;
                depth -= 1;
                let frame = frames[depth & (FRAMES - 1)];
                closure = frame.closure;
                function = Gc::as_ref(closure.function);
                code = &function.code;
                ip = frame.ip as usize;
                base = frame.base as usize;
            }
            Instr::Class(index) => {
                let name = constant!(index).as_string().expect("a class has a name");
                push!(Value::class(new!(Class::alloc(mc, name))));
            }
            Instr::Inherit => {
                let Some(superclass) = at!(sp - 2).as_class() else { fail!("Superclass must be a class.") };
                pop!().as_class().expect("a class inherits").inherit(mc, &superclass);
            }
            Instr::Method(index) => {
                let name = constant!(index).as_string().expect("a method has a name");
                let method = pop!().as_closure().expect("a method is a closure");
                at!(sp - 1).as_class().expect("a method is of a class").define(mc, name, method, machine.init);
            }
        }
    }
}
