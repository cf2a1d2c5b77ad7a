//! From text to S-expressions with line numbers. Plain Rust data: the heap sees only what the compiler makes of it.

use std::rc::Rc;

use crate::error::Error;

/// Lists in lists, at most: what walks an S-expression recurses.
const MAX_NESTING: u32 = 500;

/// An S-expression and the line where it begins.
#[derive(Debug)]
pub(crate) struct Sexp {
    pub(crate) line: u32,
    pub(crate) form: Form,
}

#[derive(Debug)]
pub(crate) enum Form {
    Int(i64),
    Float(f64),
    Bool(bool),
    Text(String),
    Symbol(Rc<str>),
    /// The items, and what stands behind a dot.
    List(Vec<Sexp>, Option<Box<Sexp>>),
}

impl Sexp {
    pub(crate) fn symbol(&self) -> Option<&Rc<str>> {
        if let Form::Symbol(name) = &self.form { Some(name) } else { None }
    }

    /// The items of a proper list.
    pub(crate) fn list(&self) -> Option<&[Sexp]> {
        if let Form::List(items, None) = &self.form { Some(items) } else { None }
    }

    fn is_dot(&self) -> bool {
        self.symbol().is_some_and(|name| &**name == ".")
    }
}

/// Reads one expression after the other.
pub(crate) struct Reader<'t> {
    rest: &'t str,
    line: u32,
}

impl<'t> Reader<'t> {
    pub(crate) fn new(text: &'t str) -> Self {
        Reader { rest: text, line: 1 }
    }

    /// The next expression of the file, or `None` at its end.
    pub(crate) fn next(&mut self) -> Result<Option<Sexp>, Error> {
        self.skip_blanks();
        if self.rest.is_empty() { Ok(None) } else { self.expression(0).map(Some) }
    }

    fn skip_blanks(&mut self) {
        loop {
            let blank = self.rest.len() - self.rest.trim_start().len();
            self.advance(blank);
            if !self.rest.starts_with(';') {
                return;
            }
            self.advance(self.rest.find('\n').unwrap_or(self.rest.len()));
        }
    }

    fn advance(&mut self, bytes: usize) -> &'t str {
        let (taken, rest) = self.rest.split_at(bytes);
        self.line += taken.bytes().filter(|&byte| byte == b'\n').count() as u32;
        self.rest = rest;
        taken
    }

    fn expression(&mut self, nesting: u32) -> Result<Sexp, Error> {
        let line = self.line;
        if nesting > MAX_NESTING {
            return Err(Error::new(line, format!("more than {MAX_NESTING} lists inside one another")));
        }
        let form = match self.rest.as_bytes()[0] {
            b'(' => self.items(line, nesting)?,
            b')' => return Err(Error::new(line, "a ) without its (")),
            b'\'' => {
                self.advance(1);
                self.skip_blanks();
                if self.rest.is_empty() {
                    return Err(Error::new(line, "a quote of nothing"));
                }
                let quoted = self.expression(nesting + 1)?;
                Form::List(vec![Sexp { line, form: Form::Symbol("quote".into()) }, quoted], None)
            }
            b'"' => self.text(line)?,
            _ => {
                let end = self.rest.find(|c: char| c.is_whitespace() || "()'\";".contains(c));
                Self::atom(self.advance(end.unwrap_or(self.rest.len())))
            }
        };
        Ok(Sexp { line, form })
    }

    fn items(&mut self, line: u32, nesting: u32) -> Result<Form, Error> {
        self.advance(1);
        let mut items = Vec::new();
        let mut tail = None;
        loop {
            self.skip_blanks();
            match self.rest.as_bytes().first() {
                None => return Err(Error::new(line, "a ( without its )")),
                Some(b')') => {
                    self.advance(1);
                    return Ok(Form::List(items, tail));
                }
                Some(_) => {
                    let item = self.expression(nesting + 1)?;
                    if tail.is_some() {
                        return Err(Error::new(item.line, "more than one expression behind a dot"));
                    }
                    if item.is_dot() {
                        if items.is_empty() {
                            return Err(Error::new(item.line, "nothing before a dot"));
                        }
                        self.skip_blanks();
                        if self.rest.is_empty() || self.rest.starts_with(')') {
                            return Err(Error::new(item.line, "nothing behind a dot"));
                        }
                        tail = Some(Box::new(self.expression(nesting + 1)?));
                    } else {
                        items.push(item);
                    }
                }
            }
        }
    }

    fn text(&mut self, line: u32) -> Result<Form, Error> {
        let mut text = String::new();
        let mut chars = self.rest.char_indices().skip(1);
        while let Some((at, c)) = chars.next() {
            match c {
                '"' => {
                    self.advance(at + 1);
                    return Ok(Form::Text(text));
                }
                '\\' => match chars.next() {
                    Some((_, 'n')) => text.push('\n'),
                    Some((_, 't')) => text.push('\t'),
                    Some((_, c @ ('"' | '\\'))) => text.push(c),
                    _ => return Err(Error::new(line, "a string with an unknown escape; \\n \\t \\\" \\\\ are known")),
                },
                c => text.push(c),
            }
        }
        Err(Error::new(line, "a string without its end"))
    }

    fn atom(text: &str) -> Form {
        match text {
            "#t" => Form::Bool(true),
            "#f" => Form::Bool(false),
            _ => {
                if let Ok(int) = text.parse() {
                    return Form::Int(int);
                }
                // Not `inf` and `nan`, which Rust would read as numbers too.
                match text.parse() {
                    Ok(float) if text.bytes().any(|byte| byte.is_ascii_digit()) => Form::Float(float),
                    _ => Form::Symbol(text.into()),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> String {
        let mut reader = Reader::new(text);
        loop {
            match reader.next() {
                Ok(Some(_)) => {}
                Ok(None) => panic!("no error in {text:?}"),
                Err(error) => return error.to_string(),
            }
        }
    }

    #[test]
    fn errors_have_the_line_where_the_broken_form_begins() {
        assert_eq!(error("1\n2\n(3\n4"), "line 3: a ( without its )");
        assert_eq!(error("; x\n\"a\nb\" )"), "line 3: a ) without its (");
        assert_eq!(error("(a .\n)"), "line 1: nothing behind a dot");
        assert_eq!(error("\n(. a)"), "line 2: nothing before a dot");
        assert_eq!(error("(a . b c)"), "line 1: more than one expression behind a dot");
        assert_eq!(error("\n\n\"abc"), "line 3: a string without its end");
        assert!(error(&"(".repeat(502)).contains("more than 500 lists"));
    }

    #[test]
    fn atoms_are_what_they_look_like() {
        assert!(matches!(Reader::atom("-12"), Form::Int(-12)));
        assert!(matches!(Reader::atom("-1.5e3"), Form::Float(-1500.0)));
        for symbol in ["-", "+", "...", "inf", "nan", "a1"] {
            assert!(matches!(Reader::atom(symbol), Form::Symbol(name) if &*name == symbol), "{symbol}");
        }
    }
}
