//! What the laboratory's programs share: the workloads' random numbers, clock and histogram, both kinds of heap behind one
//! trait, and what a run says about itself.
//!
//! The definitions of the workloads, shared with the programs of other collectors, fix the random numbers, the histogram
//! and the form of the output: results are compared across programs, and checksums must be equal.

#![deny(unsafe_code)]

mod clock;
mod control;
mod flavour;
mod histogram;
mod mmu;
pub mod ops;
mod paced;
mod process;
mod report;
mod rng;
mod series;

pub use clock::{Clock, Regions};
pub use control::{Spinner, empty_requests};
pub use flavour::Flavour;
pub use histogram::Histogram;
pub use mmu::{Interruptions, Lost};
pub use paced::Paced;
pub use process::{collector_cpu, peak_rss_mib, rss_mib};
pub use report::{Line, Watch};
pub use rng::Rng;
pub use series::{HeapSeries, Series};
