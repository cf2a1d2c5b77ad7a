//! Values as text.

use std::fmt;

use gc_core::Gc;

use crate::object::Function;
use crate::value::{Kind, Value};

impl fmt::Display for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind() {
            Kind::Number(number) => write_number(f, number),
            Kind::Nil | Kind::Undefined => f.write_str("nil"),
            Kind::Bool(bool) => write!(f, "{bool}"),
            Kind::String(text) => f.write_str(&text),
            Kind::Instance(instance) => write!(f, "{} instance", &*instance.shape.get().class.name),
            Kind::Closure(closure) => write_function(f, closure.function),
            Kind::Class(class) => f.write_str(&class.name),
            Kind::Bound(bound) => write_function(f, bound.method.function),
            Kind::Native(_) => f.write_str("<native fn>"),
        }
    }
}

fn write_function(f: &mut fmt::Formatter<'_>, function: Gc<'_, Function<'_>>) -> fmt::Result {
    match function.name {
        Some(name) => write!(f, "<fn {}>", &*name),
        None => f.write_str("<script>"),
    }
}

/// A number as C's `%g` prints it: six significant digits, without zeros at the end, in scientific notation below 1e-4 and
/// from 1e6 on.
fn write_number(f: &mut fmt::Formatter<'_>, number: f64) -> fmt::Result {
    let sign = if number.is_sign_negative() { "-" } else { "" };
    if !number.is_finite() {
        return write!(f, "{sign}{}", if number.is_nan() { "nan" } else { "inf" });
    }
    if number.fract() == 0.0 && number.abs() < 1e6 {
        return write!(f, "{sign}{}", number.abs() as u32);
    }
    let rounded = format!("{:.5e}", number.abs());
    let (mantissa, exponent) = rounded.split_once('e').expect("scientific notation has an exponent");
    let exponent: i32 = exponent.parse().expect("the exponent is a number");
    let digits = mantissa.replace('.', "");
    let digits = digits.trim_end_matches('0');
    if !(-4..6).contains(&exponent) {
        let (first, rest) = digits.split_at(1);
        let dot = if rest.is_empty() { "" } else { "." };
        let exponent_sign = if exponent < 0 { '-' } else { '+' };
        return write!(f, "{sign}{first}{dot}{rest}e{exponent_sign}{:02}", exponent.abs());
    }
    if exponent < 0 {
        return write!(f, "{sign}0.{:0>zeros$}{digits}", "", zeros = (-exponent - 1) as usize);
    }
    let whole = exponent as usize + 1;
    if digits.len() <= whole {
        write!(f, "{sign}{digits:0<whole$}")
    } else {
        write!(f, "{sign}{}.{}", &digits[..whole], &digits[whole..])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_look_as_in_c() {
        for (number, text) in [
            (0.0, "0"),
            (-0.0, "-0"),
            (1.0, "1"),
            (-123456.0, "-123456"),
            (999_999.0, "999999"),
            (1e6, "1e+06"),
            (1234567.0, "1.23457e+06"),
            (999_999.5, "1e+06"),
            (99_999.95, "99999.9"),
            (99_999.96, "100000"),
            (0.1, "0.1"),
            (0.3 - 0.1, "0.2"),
            (6.02214076, "6.02214"),
            (100.25, "100.25"),
            (123456.7, "123457"),
            (0.0001, "0.0001"),
            (0.00012345678, "0.000123457"),
            (0.00001, "1e-05"),
            (1.5e-7, "1.5e-07"),
            (1e100, "1e+100"),
            (-2.5e-300, "-2.5e-300"),
            (f64::INFINITY, "inf"),
            (f64::NEG_INFINITY, "-inf"),
            (f64::NAN, "nan"),
            (0.5, "0.5"),
        ] {
            assert_eq!(Value::number(number).to_string(), text, "{number:e}");
        }
    }
}
