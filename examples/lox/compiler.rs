//! Source to code in one pass: a Pratt parser that emits as it reads.
//!
//! It runs inside one region, so what it allocates needs no roots: names, constants and functions go from variable to
//! variable, and into the function that has them in the end.

mod statements;

use std::collections::HashMap;
use std::fmt::Write;

use gc_core::{Gc, Mutation, Owned};

use crate::code::{Capture, Instr, Operator};
use crate::emit::{Forward, FunctionKind, FunctionState, Local};
use crate::interner::Interner;
use crate::object::{Cache, Function};
use crate::scanner::{Kind, Scanner, Token};
use crate::value::{Text, Value};

/// Most locals, upvalues and constants of a function.
const MOST: usize = 256;

/// The names of global variables, by slot. A variable has its slot from its first mention on; whether it is defined is
/// found at run time.
#[derive(Default)]
pub(crate) struct Globals {
    slots: HashMap<Box<str>, u32>,
    names: Vec<Box<str>>,
}

impl Globals {
    pub(crate) fn slot(&mut self, name: &str) -> u32 {
        if let Some(&slot) = self.slots.get(name) {
            return slot;
        }
        let slot = self.names.len() as u32;
        self.slots.insert(name.into(), slot);
        self.names.push(name.into());
        slot
    }

    pub(crate) fn name(&self, slot: u32) -> &str {
        &self.names[slot as usize]
    }

    pub(crate) fn len(&self) -> usize {
        self.names.len()
    }
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Precedence {
    None,
    Assignment,
    Or,
    And,
    Equality,
    Comparison,
    Term,
    Factor,
    Unary,
    Call,
    Primary,
}

impl Precedence {
    /// Of a token as an infix operator.
    fn of(kind: Kind) -> Precedence {
        match kind {
            Kind::LeftParen | Kind::Dot => Precedence::Call,
            Kind::Minus | Kind::Plus => Precedence::Term,
            Kind::Slash | Kind::Star => Precedence::Factor,
            Kind::BangEqual | Kind::EqualEqual => Precedence::Equality,
            Kind::Greater | Kind::GreaterEqual | Kind::Less | Kind::LessEqual => Precedence::Comparison,
            Kind::And => Precedence::And,
            Kind::Or => Precedence::Or,
            _ => Precedence::None,
        }
    }

    fn next(self) -> Precedence {
        match self {
            Precedence::Equality => Precedence::Comparison,
            Precedence::Comparison => Precedence::Term,
            Precedence::Term => Precedence::Factor,
            Precedence::Factor => Precedence::Unary,
            _ => Precedence::Primary,
        }
    }
}

/// Where a variable lives.
#[derive(Clone, Copy)]
enum Variable {
    Local(u8),
    Upvalue(u8),
    Global(u32),
}

struct Compiler<'gc, 's, 'h> {
    mc: &'h Mutation<'gc, Owned>,
    interner: &'h Interner<'gc>,
    globals: &'h mut Globals,
    scanner: Scanner<'s>,
    current: Token<'s>,
    previous: Token<'s>,
    errors: String,
    /// No error is reported until the parser has found a statement's end.
    panic_mode: bool,
    /// The functions being compiled, the innermost last.
    functions: Vec<FunctionState<'gc, 's>>,
    /// For each class around, whether it has a superclass.
    classes: Vec<bool>,
}

/// Compiles a script, or says what is wrong with it, in lines.
pub(crate) fn compile<'gc>(
    mc: &Mutation<'gc, Owned>,
    interner: &Interner<'gc>,
    globals: &mut Globals,
    source: &str,
) -> Result<Gc<'gc, Function<'gc>>, String> {
    let nothing = Token { kind: Kind::Eof, text: "", line: 1 };
    let mut compiler = Compiler {
        mc,
        interner,
        globals,
        scanner: Scanner::new(source),
        current: nothing,
        previous: nothing,
        errors: String::new(),
        panic_mode: false,
        functions: vec![FunctionState::new(FunctionKind::Script, None)],
        classes: Vec::new(),
    };
    compiler.advance();
    while !compiler.matches(Kind::Eof) {
        compiler.declaration();
    }
    let (script, _) = compiler.end_function();
    if compiler.errors.is_empty() { Ok(script) } else { Err(compiler.errors) }
}

impl<'gc, 's> Compiler<'gc, 's, '_> {
    // ---- tokens and errors

    fn error_at(&mut self, token: Token<'s>, message: &str) {
        if self.panic_mode {
            return;
        }
        self.panic_mode = true;
        let at = match token.kind {
            Kind::Eof => " at end".into(),
            Kind::Error => String::new(),
            _ => format!(" at '{}'", token.text),
        };
        writeln!(self.errors, "[line {}] Error{at}: {message}", token.line).expect("a string takes any text");
    }

    fn error(&mut self, message: &str) {
        self.error_at(self.previous, message);
    }

    fn advance(&mut self) {
        self.previous = self.current;
        loop {
            self.current = self.scanner.next();
            if self.current.kind != Kind::Error {
                break;
            }
            self.error_at(self.current, self.current.text);
        }
    }

    fn consume(&mut self, kind: Kind, message: &str) {
        if self.current.kind == kind {
            self.advance();
        } else {
            self.error_at(self.current, message);
        }
    }

    fn check(&self, kind: Kind) -> bool {
        self.current.kind == kind
    }

    fn matches(&mut self, kind: Kind) -> bool {
        let yes = self.check(kind);
        if yes {
            self.advance();
        }
        yes
    }

    fn synchronize(&mut self) {
        self.panic_mode = false;
        while self.current.kind != Kind::Eof && self.previous.kind != Kind::Semicolon {
            match self.current.kind {
                Kind::Class | Kind::Fun | Kind::Var | Kind::For | Kind::If | Kind::While => return,
                Kind::Print | Kind::Return => return,
                _ => self.advance(),
            }
        }
    }

    // ---- the function being compiled

    fn function(&mut self) -> &mut FunctionState<'gc, 's> {
        self.functions.last_mut().expect("the script is around everything")
    }

    fn line(&self) -> u32 {
        self.previous.line
    }

    fn emit(&mut self, bytes: usize, height: isize, instr: Instr) {
        let line = self.line();
        self.function().emit(line, bytes, height, instr);
    }

    fn pop(&mut self) {
        let line = self.line();
        self.function().pop(line);
    }

    fn land(&mut self, forward: Forward) {
        if !self.function().land(forward) {
            self.error("Too much code to jump over.");
        }
    }

    fn loop_to(&mut self, (to, from): (usize, usize)) {
        let line = self.line();
        if !self.function().loop_to(line, to, from) {
            self.error("Loop body too large.");
        }
    }

    /// A place to jump back to, here and on the reference machine.
    fn mark(&mut self) -> (usize, usize) {
        let function = self.function();
        (function.mark(), function.bytes)
    }

    /// Takes note of a constant that the reference machine would need.
    fn count_constant(&mut self) {
        let function = self.function();
        function.constants_counted += 1;
        if function.constants_counted > MOST {
            self.error("Too many constants in one chunk.");
        }
    }

    fn constant(&mut self, value: Value<'gc>) -> u8 {
        self.count_constant();
        let function = self.function();
        function.constants.push(value);
        (function.constants.len() - 1) as u8
    }

    fn name(&self, name: &str) -> Text<'gc> {
        self.interner.intern(self.mc, name)
    }

    fn text_constant(&mut self, text: &str) -> u8 {
        let text = self.name(text);
        self.constant(Value::string(text))
    }

    fn property(&mut self, name: &str) -> u8 {
        self.count_constant();
        let name = self.name(name);
        let function = self.function();
        function.properties.push(name);
        (function.properties.len() - 1) as u8
    }

    fn global(&mut self, name: &str) -> u32 {
        self.count_constant();
        self.globals.slot(name)
    }

    fn end_function(&mut self) -> (Gc<'gc, Function<'gc>>, usize) {
        let line = self.line();
        self.function().emit_return(line);
        let state = self.functions.pop().expect("a function is being compiled");
        let captures = state.captures.len();
        let function = Function {
            name: state.name,
            arity: state.arity,
            slots: state.slots,
            code: state.code.into(),
            lines: state.lines.into(),
            captures: state.captures.into(),
            constants: self.mc.alloc_slice_copy(&state.constants),
            functions: self.mc.alloc_slice_copy(&state.functions),
            caches: self.mc.alloc_slice(state.properties.into_iter().map(Cache::new)),
        };
        (self.mc.alloc(function), captures)
    }

    // ---- variables

    fn begin_scope(&mut self) {
        self.function().depth += 1;
    }

    fn end_scope(&mut self) {
        self.function().depth -= 1;
        loop {
            let function = self.function();
            let Some(local) = function.locals.pop_if(|local| local.depth > Some(function.depth)) else { break };
            if local.is_captured {
                self.emit(1, -1, Instr::CloseUpvalue);
            } else {
                self.emit(1, -1, Instr::Pop);
            }
        }
    }

    /// The local of that name in one of the functions around.
    fn resolve_local(&mut self, function: usize, name: &str) -> Option<u8> {
        let locals = &self.functions[function].locals;
        let found = locals.iter().rposition(|local| local.name == name)?;
        if locals[found].depth.is_none() {
            self.error("Can't read local variable in its own initializer.");
        }
        Some(found as u8)
    }

    fn add_upvalue(&mut self, function: usize, capture: Capture) -> u8 {
        let captures = &mut self.functions[function].captures;
        if let Some(found) = captures.iter().position(|&known| known == capture) {
            return found as u8;
        }
        if captures.len() == MOST {
            self.error("Too many closure variables in function.");
            return 0;
        }
        captures.push(capture);
        (captures.len() - 1) as u8
    }

    fn resolve_upvalue(&mut self, function: usize, name: &str) -> Option<u8> {
        let around = function.checked_sub(1)?;
        if let Some(local) = self.resolve_local(around, name) {
            self.functions[around].locals[usize::from(local)].is_captured = true;
            return Some(self.add_upvalue(function, Capture::Local(local)));
        }
        let upvalue = self.resolve_upvalue(around, name)?;
        Some(self.add_upvalue(function, Capture::Upvalue(upvalue)))
    }

    fn resolve(&mut self, name: &str) -> Variable {
        let innermost = self.functions.len() - 1;
        if let Some(local) = self.resolve_local(innermost, name) {
            Variable::Local(local)
        } else if let Some(upvalue) = self.resolve_upvalue(innermost, name) {
            Variable::Upvalue(upvalue)
        } else {
            Variable::Global(self.global(name))
        }
    }

    fn add_local(&mut self, name: &'s str) {
        if self.function().locals.len() == MOST {
            self.error("Too many local variables in function.");
            return;
        }
        self.function().locals.push(Local { name, depth: None, is_captured: false });
    }

    fn declare_variable(&mut self) {
        let (name, function) = (self.previous.text, self.function());
        let depth = function.depth;
        if depth == 0 {
            return;
        }
        let in_scope = function.locals.iter().rev().take_while(|local| local.depth.is_none_or(|its| its >= depth));
        // One error at most: the first puts the parser into panic mode.
        if in_scope.into_iter().any(|local| local.name == name) {
            self.error("Already a variable with this name in this scope.");
        }
        self.add_local(name);
    }

    /// The slot, if the variable is global.
    fn parse_variable(&mut self, message: &str) -> u32 {
        self.consume(Kind::Identifier, message);
        self.declare_variable();
        if self.function().depth > 0 {
            return 0;
        }
        self.global(self.previous.text)
    }

    fn mark_initialized(&mut self) {
        let function = self.function();
        if function.depth > 0
            && let Some(local) = function.locals.last_mut()
        {
            local.depth = Some(function.depth);
        }
    }

    fn define_variable(&mut self, global: u32) {
        if self.function().depth > 0 {
            self.mark_initialized();
        } else {
            self.emit(2, -1, Instr::DefineGlobal(global));
        }
    }

    fn named_variable(&mut self, name: &str, can_assign: bool) {
        let variable = self.resolve(name);
        if can_assign && self.matches(Kind::Equal) {
            self.expression();
            let instr = match variable {
                Variable::Local(local) => Instr::SetLocal(local),
                Variable::Upvalue(upvalue) => Instr::SetUpvalue(upvalue),
                Variable::Global(global) => Instr::SetGlobal(global),
            };
            self.emit(2, 0, instr);
        } else {
            let instr = match variable {
                Variable::Local(local) => Instr::GetLocal(local),
                Variable::Upvalue(upvalue) => Instr::GetUpvalue(upvalue),
                Variable::Global(global) => Instr::GetGlobal(global),
            };
            self.emit(2, 1, instr);
        }
    }

    // ---- expressions

    fn expression(&mut self) {
        self.parse_precedence(Precedence::Assignment);
    }

    fn parse_precedence(&mut self, precedence: Precedence) {
        self.advance();
        let can_assign = precedence <= Precedence::Assignment;
        match self.previous.kind {
            Kind::LeftParen => {
                self.expression();
                self.consume(Kind::RightParen, "Expect ')' after expression.");
            }
            Kind::Minus | Kind::Bang => self.unary(),
            Kind::Identifier => self.named_variable(self.previous.text, can_assign),
            Kind::String => {
                let text = self.previous.text;
                let constant = self.text_constant(&text[1..text.len() - 1]);
                self.emit(2, 1, Instr::Constant(constant));
            }
            Kind::Number => {
                let number = self.previous.text.parse().expect("the scanner lets only numbers through");
                let constant = self.constant(Value::number(number));
                self.emit(2, 1, Instr::Constant(constant));
            }
            Kind::False => self.emit(1, 1, Instr::False),
            Kind::Nil => self.emit(1, 1, Instr::Nil),
            Kind::True => self.emit(1, 1, Instr::True),
            Kind::Super => self.super_(),
            Kind::This if self.classes.is_empty() => self.error("Can't use 'this' outside of a class."),
            Kind::This => self.named_variable("this", false),
            _ => {
                self.error("Expect expression.");
                return;
            }
        }
        while precedence <= Precedence::of(self.current.kind) {
            self.advance();
            match self.previous.kind {
                Kind::LeftParen => {
                    let arguments = self.argument_list();
                    self.emit(2, -isize::from(arguments), Instr::Call(arguments));
                }
                Kind::Dot => self.dot(can_assign),
                Kind::And => self.and(),
                Kind::Or => self.or(),
                operator => self.binary(operator),
            }
        }
        if can_assign && self.matches(Kind::Equal) {
            self.error("Invalid assignment target.");
        }
    }

    fn unary(&mut self) {
        let operator = self.previous.kind;
        self.parse_precedence(Precedence::Unary);
        self.emit(1, 0, if operator == Kind::Bang { Instr::Not } else { Instr::Negate });
    }

    fn binary(&mut self, operator: Kind) {
        self.parse_precedence(Precedence::of(operator).next());
        let (operator, negated) = match operator {
            Kind::Plus => (Some(Operator::Add), false),
            Kind::Minus => (Some(Operator::Subtract), false),
            Kind::Star => (Some(Operator::Multiply), false),
            Kind::Slash => (Some(Operator::Divide), false),
            Kind::Less => (Some(Operator::Less), false),
            Kind::Greater => (Some(Operator::Greater), false),
            // As the reference has it: so they are true of NaN.
            Kind::LessEqual => (Some(Operator::Greater), true),
            Kind::GreaterEqual => (Some(Operator::Less), true),
            other => (None, other == Kind::BangEqual),
        };
        let line = self.line();
        match operator {
            Some(operator) => self.function().operation(line, operator),
            None => self.emit(1, -1, Instr::Equal),
        }
        if negated {
            self.emit(1, 0, Instr::Not);
        }
    }

    fn and(&mut self) {
        let line = self.line();
        let end = self.function().jump(line, Instr::JumpIfFalse(0));
        self.emit(1, -1, Instr::Pop);
        self.parse_precedence(Precedence::And);
        self.land(end);
    }

    fn or(&mut self) {
        let line = self.line();
        // The reference machine has two jumps here.
        self.function().account(3, 0);
        let end = self.function().jump(line, Instr::JumpIfTrue(0));
        self.emit(1, -1, Instr::Pop);
        self.parse_precedence(Precedence::Or);
        self.land(end);
    }

    fn argument_list(&mut self) -> u8 {
        let mut arguments = 0_u8;
        if !self.check(Kind::RightParen) {
            loop {
                self.expression();
                if arguments == u8::MAX {
                    self.error("Can't have more than 255 arguments.");
                }
                arguments = arguments.wrapping_add(1);
                if !self.matches(Kind::Comma) {
                    break;
                }
            }
        }
        self.consume(Kind::RightParen, "Expect ')' after arguments.");
        arguments
    }

    fn dot(&mut self, can_assign: bool) {
        self.consume(Kind::Identifier, "Expect property name after '.'.");
        let cache = self.property(self.previous.text);
        if can_assign && self.matches(Kind::Equal) {
            self.expression();
            self.emit(2, -1, Instr::SetProperty(cache));
        } else if self.matches(Kind::LeftParen) {
            let arguments = self.argument_list();
            self.emit(3, -isize::from(arguments), Instr::Invoke(cache, arguments));
        } else {
            let line = self.line();
            self.function().get_property(line, cache);
        }
    }

    fn super_(&mut self) {
        match self.classes.last() {
            None => self.error("Can't use 'super' outside of a class."),
            Some(false) => self.error("Can't use 'super' in a class with no superclass."),
            Some(true) => {}
        }
        self.consume(Kind::Dot, "Expect '.' after 'super'.");
        self.consume(Kind::Identifier, "Expect superclass method name.");
        let cache = self.property(self.previous.text);
        self.named_variable("this", false);
        if self.matches(Kind::LeftParen) {
            let arguments = self.argument_list();
            self.named_variable("super", false);
            self.emit(3, -1 - isize::from(arguments), Instr::SuperInvoke(cache, arguments));
        } else {
            self.named_variable("super", false);
            self.emit(2, -1, Instr::GetSuper(cache));
        }
    }
}
