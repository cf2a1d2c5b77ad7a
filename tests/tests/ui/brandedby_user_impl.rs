//@ error: E0277
//! A user says that a type with two brands has one.

use gc_core::{BrandedBy, Gc};

struct TwoBrands<'a, 'b>(Gc<'a, i32>, Gc<'b, i32>);

impl<'gc, 'a: 'gc, 'b: 'gc> BrandedBy<'gc> for TwoBrands<'a, 'b> {}

fn main() {
    let _ = |two: TwoBrands<'_, '_>| (*two.0, *two.1);
}
