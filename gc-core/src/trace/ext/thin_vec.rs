use ::thin_vec::ThinVec;

use crate::trace::collections::sequences;
use crate::trace::{Rebrand, Trace};
use crate::tracer::Tracer;

sequences! { ThinVec<T> }
