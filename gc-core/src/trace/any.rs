//! `Trace` for the trait objects of std whose objects are `'static`, so hold no `Gc` (T1): for `Box<dyn Error>` in an object.

use std::any::Any;
use std::error::Error;

use super::unsized_leaves;

unsized_leaves! {
    dyn Any, dyn Any + Send, dyn Any + Send + Sync,
    dyn Error, dyn Error + Send, dyn Error + Send + Sync,
}
