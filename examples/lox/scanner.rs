//! Source text to tokens, one at a time.

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    LeftParen,
    RightParen,
    LeftBrace,
    RightBrace,
    Comma,
    Dot,
    Minus,
    Plus,
    Semicolon,
    Slash,
    Star,
    Bang,
    BangEqual,
    Equal,
    EqualEqual,
    Greater,
    GreaterEqual,
    Less,
    LessEqual,
    Identifier,
    String,
    Number,
    And,
    Class,
    Else,
    False,
    For,
    Fun,
    If,
    Nil,
    Or,
    Print,
    Return,
    Super,
    This,
    True,
    Var,
    While,
    /// What can't be a token; its text is the message.
    Error,
    Eof,
}

#[derive(Clone, Copy)]
pub(crate) struct Token<'s> {
    pub(crate) kind: Kind,
    pub(crate) text: &'s str,
    pub(crate) line: u32,
}

pub(crate) struct Scanner<'s> {
    /// What is left, from the first character of the token at hand.
    rest: &'s str,
    /// Bytes of that token read so far.
    read: usize,
    line: u32,
}

impl<'s> Scanner<'s> {
    /// As in C, the source ends at a NUL.
    pub(crate) fn new(source: &'s str) -> Self {
        Scanner { rest: source.split('\0').next().unwrap_or_default(), read: 0, line: 1 }
    }

    fn peek(&self) -> Option<u8> {
        self.rest.as_bytes().get(self.read).copied()
    }

    fn peek_next(&self) -> Option<u8> {
        self.rest.as_bytes().get(self.read + 1).copied()
    }

    fn read_while(&mut self, what: impl Fn(u8) -> bool) {
        while self.peek().is_some_and(&what) {
            self.read += 1;
        }
    }

    fn matches(&mut self, byte: u8) -> bool {
        let yes = self.peek() == Some(byte);
        self.read += usize::from(yes);
        yes
    }

    fn token(&mut self, kind: Kind) -> Token<'s> {
        let (text, rest) = self.rest.split_at(self.read);
        (self.rest, self.read) = (rest, 0);
        Token { kind, text, line: self.line }
    }

    fn error(&mut self, message: &'static str) -> Token<'s> {
        Token { text: message, ..self.token(Kind::Error) }
    }

    fn skip_blanks(&mut self) {
        loop {
            match self.peek() {
                Some(b' ' | b'\r' | b'\t') => self.read += 1,
                Some(b'\n') => {
                    self.line += 1;
                    self.read += 1;
                }
                Some(b'/') if self.peek_next() == Some(b'/') => self.read_while(|byte| byte != b'\n'),
                _ => break,
            }
        }
        self.token(Kind::Eof);
    }

    pub(crate) fn next(&mut self) -> Token<'s> {
        self.skip_blanks();
        let Some(first) = self.rest.chars().next() else { return self.token(Kind::Eof) };
        self.read = first.len_utf8();
        let kind = match first {
            'a'..='z' | 'A'..='Z' | '_' => return self.identifier(),
            '0'..='9' => return self.number(),
            '"' => return self.string(),
            '(' => Kind::LeftParen,
            ')' => Kind::RightParen,
            '{' => Kind::LeftBrace,
            '}' => Kind::RightBrace,
            ';' => Kind::Semicolon,
            ',' => Kind::Comma,
            '.' => Kind::Dot,
            '-' => Kind::Minus,
            '+' => Kind::Plus,
            '/' => Kind::Slash,
            '*' => Kind::Star,
            '!' if self.matches(b'=') => Kind::BangEqual,
            '!' => Kind::Bang,
            '=' if self.matches(b'=') => Kind::EqualEqual,
            '=' => Kind::Equal,
            '<' if self.matches(b'=') => Kind::LessEqual,
            '<' => Kind::Less,
            '>' if self.matches(b'=') => Kind::GreaterEqual,
            '>' => Kind::Greater,
            _ => return self.error("Unexpected character."),
        };
        self.token(kind)
    }

    fn identifier(&mut self) -> Token<'s> {
        self.read_while(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        let kind = match &self.rest[..self.read] {
            "and" => Kind::And,
            "class" => Kind::Class,
            "else" => Kind::Else,
            "false" => Kind::False,
            "for" => Kind::For,
            "fun" => Kind::Fun,
            "if" => Kind::If,
            "nil" => Kind::Nil,
            "or" => Kind::Or,
            "print" => Kind::Print,
            "return" => Kind::Return,
            "super" => Kind::Super,
            "this" => Kind::This,
            "true" => Kind::True,
            "var" => Kind::Var,
            "while" => Kind::While,
            _ => Kind::Identifier,
        };
        self.token(kind)
    }

    fn number(&mut self) -> Token<'s> {
        self.read_while(|byte| byte.is_ascii_digit());
        if self.peek() == Some(b'.') && self.peek_next().is_some_and(|byte| byte.is_ascii_digit()) {
            self.read += 1;
            self.read_while(|byte| byte.is_ascii_digit());
        }
        self.token(Kind::Number)
    }

    fn string(&mut self) -> Token<'s> {
        self.read_while(|byte| byte != b'"');
        self.line += self.rest[..self.read].matches('\n').count() as u32;
        if self.peek().is_none() {
            return self.error("Unterminated string.");
        }
        self.read += 1;
        self.token(Kind::String)
    }
}
