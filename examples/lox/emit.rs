//! Instructions out of the compiler's hands: operands and conditions become part of what uses them, and what would not fit
//! into the book's bytecode is refused.
//!
//! E1. What was emitted before a jump's target is not changed by what is emitted after it (`FunctionState::fixed`).
//! E2. The limits of the language are those of its reference machine, whose code has other sizes: `bytes` and
//!     `constants_counted` are what that machine would have.

use crate::code::{Capture, Instr, Operands, Operator};
use crate::value::{Text, Value};

/// A local variable in scope.
pub(crate) struct Local<'s> {
    pub(crate) name: &'s str,
    /// The depth of its block; `None` until its initialiser is over.
    pub(crate) depth: Option<u32>,
    pub(crate) is_captured: bool,
}

#[derive(Clone, Copy, PartialEq)]
pub(crate) enum FunctionKind {
    Function,
    Initializer,
    Method,
    Script,
}

/// A function being compiled.
pub(crate) struct FunctionState<'gc, 's> {
    pub(crate) kind: FunctionKind,
    pub(crate) name: Option<Text<'gc>>,
    pub(crate) arity: u32,
    pub(crate) locals: Vec<Local<'s>>,
    pub(crate) captures: Vec<Capture>,
    pub(crate) depth: u32,
    pub(crate) code: Vec<Instr>,
    pub(crate) lines: Vec<u32>,
    pub(crate) constants: Vec<Value<'gc>>,
    pub(crate) functions: Vec<gc_core::Gc<'gc, crate::object::Function<'gc>>>,
    /// The names of properties, one for each instruction that has one.
    pub(crate) properties: Vec<Text<'gc>>,
    /// E2.
    pub(crate) bytes: usize,
    pub(crate) constants_counted: usize,
    /// E1: instructions before this index stay.
    fixed: usize,
    /// Stack slots in use, and the most ever.
    height: usize,
    pub(crate) slots: usize,
}

/// A jump whose target is not known yet.
#[must_use]
pub(crate) struct Forward {
    at: usize,
    /// The bytes up to its end.
    bytes: usize,
}

/// Code taken out of its place, to be put further down.
pub(crate) struct Detached {
    at: usize,
    code: Vec<Instr>,
    lines: Vec<u32>,
}

impl<'gc, 's> FunctionState<'gc, 's> {
    pub(crate) fn new(kind: FunctionKind, name: Option<Text<'gc>>) -> Self {
        let itself = if kind == FunctionKind::Function { "" } else { "this" };
        FunctionState {
            kind,
            name,
            arity: 0,
            locals: vec![Local { name: itself, depth: Some(0), is_captured: false }],
            captures: Vec::new(),
            depth: 0,
            code: Vec::new(),
            lines: Vec::new(),
            constants: Vec::new(),
            functions: Vec::new(),
            properties: Vec::new(),
            bytes: 0,
            constants_counted: 0,
            fixed: 0,
            height: 1,
            slots: 1,
        }
    }

    /// Adds an instruction that takes `bytes` in the book's code and changes the stack's height.
    pub(crate) fn emit(&mut self, line: u32, bytes: usize, height: isize, instr: Instr) {
        self.code.push(instr);
        self.lines.push(line);
        self.account(bytes, height);
    }

    pub(crate) fn account(&mut self, bytes: usize, height: isize) {
        self.bytes += bytes;
        self.height = self.height.saturating_add_signed(height);
        self.slots = self.slots.max(self.height);
    }

    /// Parameters arrive on the stack.
    pub(crate) fn parameter(&mut self) {
        self.account(0, 1);
    }

    /// The last instruction, if it may be changed still.
    fn last(&self) -> Option<Instr> {
        self.code[self.fixed..].last().copied()
    }

    fn take_last(&mut self) {
        self.code.pop();
        self.lines.pop();
    }

    /// Takes the instructions that would only push the operands away.
    fn take_operands(&mut self) -> Operands {
        let right = self.last();
        let (Some(Instr::GetLocal(b)) | Some(Instr::Constant(b))) = right else { return Operands::Stack };
        self.take_last();
        match (self.last(), right) {
            (Some(Instr::GetLocal(a)), Some(Instr::GetLocal(_))) => {
                self.take_last();
                Operands::Locals(a, b)
            }
            (Some(Instr::GetLocal(a)), _) => {
                self.take_last();
                Operands::LocalConstant(a, b)
            }
            (_, Some(Instr::GetLocal(_))) => Operands::StackLocal(b),
            _ => Operands::StackConstant(b),
        }
    }

    pub(crate) fn operation(&mut self, line: u32, operator: Operator) {
        let operands = self.take_operands();
        self.emit(line, 1, -1, Instr::operation(operator, operands));
    }

    pub(crate) fn get_property(&mut self, line: u32, cache: u8) {
        if let Some(Instr::GetLocal(local)) = self.last() {
            self.take_last();
            self.emit(line, 2, 0, Instr::GetLocalProperty(local, cache));
        } else {
            self.emit(line, 2, 0, Instr::GetProperty(cache));
        }
    }

    pub(crate) fn pop(&mut self, line: u32) {
        let fused = match self.last() {
            Some(Instr::SetLocal(local)) => Some(Instr::SetLocalPop(local)),
            Some(Instr::SetGlobal(global)) => Some(Instr::SetGlobalPop(global)),
            Some(Instr::SetProperty(cache)) => Some(Instr::SetPropertyPop(cache)),
            _ => None,
        };
        match (fused, self.code.last_mut()) {
            (Some(fused), Some(last)) => {
                *last = fused;
                self.account(1, -1);
            }
            _ => self.emit(line, 1, -1, Instr::Pop),
        }
    }

    /// Returns what is on the stack, or nil.
    pub(crate) fn emit_return(&mut self, line: u32) {
        if self.kind == FunctionKind::Initializer {
            self.emit(line, 2, 1, Instr::GetLocal(0));
            self.emit(line, 1, -1, Instr::Return);
        } else {
            // For a moment there is the nil.
            self.account(1, 1);
            self.emit(line, 1, -1, Instr::ReturnNil);
        }
    }

    // ---- jumps

    /// A jump ahead that leaves the condition, if it has one, on the stack.
    pub(crate) fn jump(&mut self, line: u32, instr: Instr) -> Forward {
        self.emit(line, 3, 0, instr);
        Forward { at: self.code.len() - 1, bytes: self.bytes }
    }

    /// A jump for when the condition on the stack does not hold; the condition is gone either way.
    pub(crate) fn jump_unless(&mut self, line: u32) -> Forward {
        let mut when = false;
        let mut before = self.last();
        if before == Some(Instr::Not) {
            self.take_last();
            (when, before) = (true, self.last());
        }
        if let Some(fused) = before.and_then(|condition| condition.jump(when)) {
            *self.code.last_mut().expect("the condition is there") = fused;
            self.account(3, 0);
        } else {
            self.emit(line, 3, 0, if when { Instr::If(0) } else { Instr::Unless(0) });
        }
        let forward = Forward { at: self.code.len() - 1, bytes: self.bytes };
        // The reference machine pops on both ways.
        self.account(1, -1);
        forward
    }

    /// Lets the jump end here. False if that is too far.
    pub(crate) fn land(&mut self, forward: Forward) -> bool {
        *self.code[forward.at].target().expect("a jump") = self.code.len() as u32;
        self.fixed = self.code.len();
        self.bytes - forward.bytes <= usize::from(u16::MAX)
    }

    /// A place to jump back to.
    pub(crate) fn mark(&mut self) -> usize {
        self.fixed = self.code.len();
        self.code.len()
    }

    /// A jump back. `from` is where the reference machine's loop begins, in its bytes. False if that is too far.
    pub(crate) fn loop_to(&mut self, line: u32, to: usize, from: usize) -> bool {
        self.emit(line, 3, 0, Instr::Loop(to as u32));
        self.bytes - from <= usize::from(u16::MAX)
    }

    /// Takes out all that was emitted from `at` on.
    pub(crate) fn detach(&mut self, at: usize) -> Detached {
        let detached = Detached { at, code: self.code.split_off(at), lines: self.lines.split_off(at) };
        self.fixed = at;
        detached
    }

    /// Puts it in here.
    pub(crate) fn attach(&mut self, detached: Detached) {
        let to = self.code.len();
        for mut instr in detached.code {
            if let Some(target) = instr.target() {
                *target = (*target as usize - detached.at + to) as u32;
            }
            self.code.push(instr);
        }
        self.lines.extend(detached.lines);
        self.fixed = self.code.len();
    }
}
