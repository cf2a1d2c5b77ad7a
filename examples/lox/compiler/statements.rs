//! Declarations and statements.

use super::Compiler;
use crate::code::Instr;
use crate::emit::{Forward, FunctionKind, FunctionState};
use crate::scanner::Kind;

impl Compiler<'_, '_, '_> {
    pub(super) fn declaration(&mut self) {
        if self.matches(Kind::Class) {
            self.class_declaration();
        } else if self.matches(Kind::Fun) {
            let global = self.parse_variable("Expect function name.");
            self.mark_initialized();
            self.function_body(FunctionKind::Function);
            self.define_variable(global);
        } else if self.matches(Kind::Var) {
            self.var_declaration();
        } else {
            self.statement();
        }
        if self.panic_mode {
            self.synchronize();
        }
    }

    fn var_declaration(&mut self) {
        let global = self.parse_variable("Expect variable name.");
        if self.matches(Kind::Equal) {
            self.expression();
        } else {
            self.emit(1, 1, Instr::Nil);
        }
        self.consume(Kind::Semicolon, "Expect ';' after variable declaration.");
        self.define_variable(global);
    }

    fn function_body(&mut self, kind: FunctionKind) {
        let name = self.name(self.previous.text);
        self.functions.push(FunctionState::new(kind, Some(name)));
        self.begin_scope();
        self.consume(Kind::LeftParen, "Expect '(' after function name.");
        if !self.check(Kind::RightParen) {
            loop {
                self.function().arity += 1;
                if self.function().arity > 255 {
                    self.error_at(self.current, "Can't have more than 255 parameters.");
                }
                self.parse_variable("Expect parameter name.");
                self.mark_initialized();
                self.function().parameter();
                if !self.matches(Kind::Comma) {
                    break;
                }
            }
        }
        self.consume(Kind::RightParen, "Expect ')' after parameters.");
        self.consume(Kind::LeftBrace, "Expect '{' before function body.");
        self.block();
        let (function, captures) = self.end_function();
        self.count_constant();
        let around = self.function();
        around.functions.push(function);
        let index = (around.functions.len() - 1) as u8;
        self.emit(2 + 2 * captures, 1, Instr::Closure(index));
    }

    fn class_declaration(&mut self) {
        self.consume(Kind::Identifier, "Expect class name.");
        let name = self.previous.text;
        let constant = self.text_constant(name);
        self.declare_variable();
        self.emit(2, 1, Instr::Class(constant));
        if self.function().depth > 0 {
            self.mark_initialized();
        } else {
            // The constant has been counted.
            let global = self.globals.slot(name);
            self.emit(2, -1, Instr::DefineGlobal(global));
        }
        self.classes.push(false);
        if self.matches(Kind::Less) {
            self.consume(Kind::Identifier, "Expect superclass name.");
            self.named_variable(self.previous.text, false);
            if self.previous.text == name {
                self.error("A class can't inherit from itself.");
            }
            self.begin_scope();
            self.add_local("super");
            self.mark_initialized();
            self.named_variable(name, false);
            self.emit(1, -1, Instr::Inherit);
            *self.classes.last_mut().expect("pushed above") = true;
        }
        self.named_variable(name, false);
        self.consume(Kind::LeftBrace, "Expect '{' before class body.");
        while !self.check(Kind::RightBrace) && !self.check(Kind::Eof) {
            self.method();
        }
        self.consume(Kind::RightBrace, "Expect '}' after class body.");
        self.emit(1, -1, Instr::Pop);
        if self.classes.pop() == Some(true) {
            self.end_scope();
        }
    }

    fn method(&mut self) {
        self.consume(Kind::Identifier, "Expect method name.");
        let name = self.previous.text;
        let constant = self.text_constant(name);
        self.function_body(if name == "init" { FunctionKind::Initializer } else { FunctionKind::Method });
        self.emit(2, -1, Instr::Method(constant));
    }

    // ---- statements

    fn block(&mut self) {
        while !self.check(Kind::RightBrace) && !self.check(Kind::Eof) {
            self.declaration();
        }
        self.consume(Kind::RightBrace, "Expect '}' after block.");
    }

    fn statement(&mut self) {
        if self.matches(Kind::Print) {
            self.expression();
            self.consume(Kind::Semicolon, "Expect ';' after value.");
            self.emit(1, -1, Instr::Print);
        } else if self.matches(Kind::For) {
            self.for_statement();
        } else if self.matches(Kind::If) {
            self.if_statement();
        } else if self.matches(Kind::Return) {
            self.return_statement();
        } else if self.matches(Kind::While) {
            self.while_statement();
        } else if self.matches(Kind::LeftBrace) {
            self.begin_scope();
            self.block();
            self.end_scope();
        } else {
            self.expression_statement();
        }
    }

    fn expression_statement(&mut self) {
        self.expression();
        self.consume(Kind::Semicolon, "Expect ';' after expression.");
        self.pop();
    }

    fn jump_unless(&mut self) -> Forward {
        let line = self.line();
        self.function().jump_unless(line)
    }

    fn if_statement(&mut self) {
        self.consume(Kind::LeftParen, "Expect '(' after 'if'.");
        self.expression();
        self.consume(Kind::RightParen, "Expect ')' after condition.");
        let otherwise = self.jump_unless();
        self.statement();
        if self.check(Kind::Else) {
            let line = self.line();
            let end = self.function().jump(line, Instr::Jump(0));
            self.land(otherwise);
            self.function().account(1, 0);
            self.advance();
            self.statement();
            self.land(end);
        } else {
            // The reference machine jumps over nothing here, but its pop.
            self.function().account(3, 0);
            self.land(otherwise);
            self.function().account(1, 0);
        }
    }

    fn while_statement(&mut self) {
        let start = self.mark();
        self.consume(Kind::LeftParen, "Expect '(' after 'while'.");
        self.expression();
        self.consume(Kind::RightParen, "Expect ')' after condition.");
        let exit = self.jump_unless();
        self.statement();
        self.loop_to(start);
        self.land(exit);
        self.function().account(1, 0);
    }

    fn for_statement(&mut self) {
        self.begin_scope();
        self.consume(Kind::LeftParen, "Expect '(' after 'for'.");
        if self.matches(Kind::Var) {
            self.var_declaration();
        } else if !self.matches(Kind::Semicolon) {
            self.expression_statement();
        }
        let mut start = self.mark();
        let mut exit = None;
        if !self.matches(Kind::Semicolon) {
            self.expression();
            self.consume(Kind::Semicolon, "Expect ';' after loop condition.");
            exit = Some(self.jump_unless());
        }
        let mut increment = None;
        if !self.matches(Kind::RightParen) {
            // The reference machine jumps over the increment to the body, and from the increment back to the condition.
            // Here the increment is put behind the body.
            self.function().account(3, 0);
            let (at, bytes) = self.mark();
            self.expression();
            self.pop();
            self.consume(Kind::RightParen, "Expect ')' after for clauses.");
            increment = Some(self.function().detach(at));
            self.function().account(3, 0);
            if self.function().bytes - start.1 > usize::from(u16::MAX) {
                self.error("Loop body too large.");
            }
            start.1 = bytes;
        }
        self.statement();
        if let Some(increment) = increment {
            self.function().attach(increment);
        }
        self.loop_to(start);
        if let Some(exit) = exit {
            self.land(exit);
            self.function().account(1, 0);
        }
        self.end_scope();
    }

    fn return_statement(&mut self) {
        let kind = self.function().kind;
        if kind == FunctionKind::Script {
            self.error("Can't return from top-level code.");
        }
        if self.matches(Kind::Semicolon) {
            let line = self.line();
            self.function().emit_return(line);
        } else {
            if kind == FunctionKind::Initializer {
                self.error("Can't return a value from an initializer.");
            }
            self.expression();
            self.consume(Kind::Semicolon, "Expect ';' after return value.");
            self.emit(1, -1, Instr::Return);
        }
    }
}
