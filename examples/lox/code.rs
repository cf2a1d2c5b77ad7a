//! The instructions: eight bytes each, with their operands.
//!
//! The operands of an operator are most often variables and constants, so that each has a form for where its two come
//! from: `S` is the stack, `L` a local variable, `K` a constant. A condition and the jump that depends on it are one
//! instruction. A jump's target is an index of the code.

use gc_core::Trace;

/// Where a closure takes an upvalue from.
#[derive(Trace, Clone, Copy, PartialEq)]
pub(crate) enum Capture {
    /// A local variable of the function around it.
    Local(u8),
    /// An upvalue of the function around it.
    Upvalue(u8),
}

#[derive(Trace, Clone, Copy, Debug, PartialEq)]
pub(crate) enum Instr {
    Constant(u8),
    Nil,
    True,
    False,
    Pop,
    GetLocal(u8),
    SetLocal(u8),
    /// `SetLocal`, and the value is not needed any more. So are `SetGlobalPop` and `SetPropertyPop`.
    SetLocalPop(u8),
    GetGlobal(u32),
    DefineGlobal(u32),
    SetGlobal(u32),
    SetGlobalPop(u32),
    GetUpvalue(u8),
    SetUpvalue(u8),
    GetProperty(u8),
    /// Of a local variable: most often of `this`.
    GetLocalProperty(u8, u8),
    SetProperty(u8),
    SetPropertyPop(u8),
    GetSuper(u8),

    Equal,
    Not,
    Negate,
    AddSS,
    AddSL(u8),
    AddSK(u8),
    AddLL(u8, u8),
    AddLK(u8, u8),
    SubtractSS,
    SubtractSL(u8),
    SubtractSK(u8),
    SubtractLL(u8, u8),
    SubtractLK(u8, u8),
    MultiplySS,
    MultiplySL(u8),
    MultiplySK(u8),
    MultiplyLL(u8, u8),
    MultiplyLK(u8, u8),
    DivideSS,
    DivideSL(u8),
    DivideSK(u8),
    DivideLL(u8, u8),
    DivideLK(u8, u8),
    LessSS,
    LessSL(u8),
    LessSK(u8),
    LessLL(u8, u8),
    LessLK(u8, u8),
    GreaterSS,
    GreaterSL(u8),
    GreaterSK(u8),
    GreaterLL(u8, u8),
    GreaterLK(u8, u8),

    Print,
    Jump(u32),
    /// Jumps back: a safepoint.
    Loop(u32),
    /// These two leave the condition where it is when they jump.
    JumpIfFalse(u32),
    JumpIfTrue(u32),
    /// These take the condition away.
    Unless(u32),
    If(u32),
    UnlessEqual(u32),
    IfEqual(u32),
    UnlessLessSS(u32),
    UnlessLessSL(u8, u32),
    UnlessLessSK(u8, u32),
    UnlessLessLL(u8, u8, u32),
    UnlessLessLK(u8, u8, u32),
    IfLessSS(u32),
    IfLessSL(u8, u32),
    IfLessSK(u8, u32),
    IfLessLL(u8, u8, u32),
    IfLessLK(u8, u8, u32),
    UnlessGreaterSS(u32),
    UnlessGreaterSL(u8, u32),
    UnlessGreaterSK(u8, u32),
    UnlessGreaterLL(u8, u8, u32),
    UnlessGreaterLK(u8, u8, u32),
    IfGreaterSS(u32),
    IfGreaterSL(u8, u32),
    IfGreaterSK(u8, u32),
    IfGreaterLL(u8, u8, u32),
    IfGreaterLK(u8, u8, u32),

    Call(u8),
    Invoke(u8, u8),
    SuperInvoke(u8, u8),
    Closure(u8),
    CloseUpvalue,
    Return,
    ReturnNil,
    Class(u8),
    Inherit,
    Method(u8),
}

/// An operator with a form for each place of its operands.
#[derive(Clone, Copy)]
pub(crate) enum Operator {
    Add,
    Subtract,
    Multiply,
    Divide,
    Less,
    Greater,
}

/// Where two operands are.
#[derive(Clone, Copy)]
pub(crate) enum Operands {
    Stack,
    StackLocal(u8),
    StackConstant(u8),
    Locals(u8, u8),
    LocalConstant(u8, u8),
}

impl Instr {
    pub(crate) fn operation(operator: Operator, operands: Operands) -> Instr {
        macro_rules! forms {
            ($ss:ident $sl:ident $sk:ident $ll:ident $lk:ident) => {
                match operands {
                    Operands::Stack => Instr::$ss,
                    Operands::StackLocal(b) => Instr::$sl(b),
                    Operands::StackConstant(b) => Instr::$sk(b),
                    Operands::Locals(a, b) => Instr::$ll(a, b),
                    Operands::LocalConstant(a, b) => Instr::$lk(a, b),
                }
            };
        }
        match operator {
            Operator::Add => forms!(AddSS AddSL AddSK AddLL AddLK),
            Operator::Subtract => forms!(SubtractSS SubtractSL SubtractSK SubtractLL SubtractLK),
            Operator::Multiply => forms!(MultiplySS MultiplySL MultiplySK MultiplyLL MultiplyLK),
            Operator::Divide => forms!(DivideSS DivideSL DivideSK DivideLL DivideLK),
            Operator::Less => forms!(LessSS LessSL LessSK LessLL LessLK),
            Operator::Greater => forms!(GreaterSS GreaterSL GreaterSK GreaterLL GreaterLK),
        }
    }

    /// The jump for when the condition that this instruction computes is `when`, if they can be one.
    pub(crate) fn jump(self, when: bool) -> Option<Instr> {
        use Instr::*;
        Some(match (self, when) {
            (Equal, false) => UnlessEqual(0),
            (Equal, true) => IfEqual(0),
            (LessSS, false) => UnlessLessSS(0),
            (LessSL(b), false) => UnlessLessSL(b, 0),
            (LessSK(b), false) => UnlessLessSK(b, 0),
            (LessLL(a, b), false) => UnlessLessLL(a, b, 0),
            (LessLK(a, b), false) => UnlessLessLK(a, b, 0),
            (LessSS, true) => IfLessSS(0),
            (LessSL(b), true) => IfLessSL(b, 0),
            (LessSK(b), true) => IfLessSK(b, 0),
            (LessLL(a, b), true) => IfLessLL(a, b, 0),
            (LessLK(a, b), true) => IfLessLK(a, b, 0),
            (GreaterSS, false) => UnlessGreaterSS(0),
            (GreaterSL(b), false) => UnlessGreaterSL(b, 0),
            (GreaterSK(b), false) => UnlessGreaterSK(b, 0),
            (GreaterLL(a, b), false) => UnlessGreaterLL(a, b, 0),
            (GreaterLK(a, b), false) => UnlessGreaterLK(a, b, 0),
            (GreaterSS, true) => IfGreaterSS(0),
            (GreaterSL(b), true) => IfGreaterSL(b, 0),
            (GreaterSK(b), true) => IfGreaterSK(b, 0),
            (GreaterLL(a, b), true) => IfGreaterLL(a, b, 0),
            (GreaterLK(a, b), true) => IfGreaterLK(a, b, 0),
            _ => return None,
        })
    }

    /// The target, if it is a jump.
    pub(crate) fn target(&mut self) -> Option<&mut u32> {
        use Instr::*;
        match self {
            Jump(to) | Loop(to) | JumpIfFalse(to) | JumpIfTrue(to) | Unless(to) | If(to) => Some(to),
            UnlessEqual(to) | IfEqual(to) => Some(to),
            UnlessLessSS(to) | IfLessSS(to) | UnlessGreaterSS(to) | IfGreaterSS(to) => Some(to),
            UnlessLessSL(_, to) | IfLessSL(_, to) | UnlessGreaterSL(_, to) | IfGreaterSL(_, to) => Some(to),
            UnlessLessSK(_, to) | IfLessSK(_, to) | UnlessGreaterSK(_, to) | IfGreaterSK(_, to) => Some(to),
            UnlessLessLL(_, _, to) | IfLessLL(_, _, to) => Some(to),
            UnlessGreaterLL(_, _, to) | IfGreaterLL(_, _, to) => Some(to),
            UnlessLessLK(_, _, to) | IfLessLK(_, _, to) => Some(to),
            UnlessGreaterLK(_, _, to) | IfGreaterLK(_, _, to) => Some(to),
            _ => None,
        }
    }
}

const _: () = assert!(size_of::<Instr>() == 8);
