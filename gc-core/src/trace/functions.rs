//! `Trace` for function pointers: a function captures nothing, and its type is `'static` if its argument and return types
//! are, so it holds no `Gc` (T1). A pointer type that is generic over its lifetimes (`for<'gc> fn(Value<'gc>)`) is `'static`
//! too, but is a type of its own for which no implementation can be written: give it `#[trace(skip)]`.

use super::leaves;

macro_rules! functions {
    ($($arg:ident)*) => {
        leaves! {
            [R $(, $arg)*]:
                fn($($arg),*) -> R,
                unsafe fn($($arg),*) -> R,
                extern "C" fn($($arg),*) -> R,
                unsafe extern "C" fn($($arg),*) -> R
        }
    };
}

functions! {}
functions! { A }
functions! { A B }
functions! { A B C }
functions! { A B C D }
functions! { A B C D E }
functions! { A B C D E F }
functions! { A B C D E F G }
functions! { A B C D E F G H }
functions! { A B C D E F G H I }
functions! { A B C D E F G H I J }
functions! { A B C D E F G H I J K }
functions! { A B C D E F G H I J K L }
