use ::indexmap::{IndexMap, IndexSet};

use crate::trace::collections::{maps, sequences};
use crate::trace::{Rebrand, Trace};
use crate::tracer::Tracer;

sequences! { IndexSet<T; H> }
maps! { IndexMap<K, V; H> }
