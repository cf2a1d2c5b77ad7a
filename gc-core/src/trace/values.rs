//! `Trace` for std's plain values: numbers, text, time, files and sockets, threads. None can hold a `Gc` (T1).

use super::{leaves, unsized_leaves};

leaves! {
    (), bool, char,
    i8, i16, i32, i64, i128, isize,
    u8, u16, u32, u64, u128, usize,
    f32, f64,
    std::num::NonZeroI8, std::num::NonZeroI16, std::num::NonZeroI32, std::num::NonZeroI64, std::num::NonZeroI128,
    std::num::NonZeroIsize,
    std::num::NonZeroU8, std::num::NonZeroU16, std::num::NonZeroU32, std::num::NonZeroU64, std::num::NonZeroU128,
    std::num::NonZeroUsize,
}

leaves! {
    std::string::String, std::ffi::OsString, std::ffi::CString, std::path::PathBuf,
    std::cmp::Ordering, std::alloc::Layout, std::any::TypeId, std::convert::Infallible,
    std::marker::PhantomPinned, std::ops::RangeFull,
    std::hash::DefaultHasher, std::hash::RandomState,
    std::fmt::Error, std::io::Error, std::io::ErrorKind,
    std::num::ParseIntError, std::num::ParseFloatError, std::string::FromUtf8Error, std::str::Utf8Error,
    std::time::Duration, std::time::Instant, std::time::SystemTime,
    std::net::IpAddr, std::net::Ipv4Addr, std::net::Ipv6Addr,
    std::net::SocketAddr, std::net::SocketAddrV4, std::net::SocketAddrV6,
    std::net::TcpStream, std::net::TcpListener, std::net::UdpSocket,
    std::fs::File, std::io::Stdin, std::io::Stdout, std::io::Stderr,
    std::thread::Thread, std::thread::ThreadId,
    std::process::Child, std::process::ExitStatus,
}

leaves! {
    [T]: std::io::Cursor<T>, std::io::BufReader<T>, std::thread::JoinHandle<T>, std::hash::BuildHasherDefault<T>;
    [T ?Sized]: &'static T;
}

unsized_leaves! { str, std::ffi::OsStr, std::ffi::CStr, std::path::Path }
