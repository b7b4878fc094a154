// SPDX-License-Identifier: LGPL-2.1

//! Have the kernel read and write files of a FUSE server: the ioctls on /dev/fuse that
//! linux/fuse_backing.h describes, with nothing but the standard library.
//!
//! `dev` is /dev/fuse, whose INIT was answered, with passthrough. All may be called by
//! several threads at once. A signal may end a call with EINTR.

use std::ffi::CStr;
use std::os::raw::{c_int, c_ulong, c_void};
use std::os::unix::io::{AsFd, AsRawFd, BorrowedFd};
use std::{fmt, fs, io, mem, slice};

include!("zgenerated.rs");

extern "C" {
    fn ioctl(fd: c_int, request: c_ulong, ...) -> c_int;
}

/// Why a call failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    pub errno: i32,
    /// The kernel's word for it, of those in fuse-backing-security.rst, or empty.
    pub reason: String,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let error = io::Error::from_raw_os_error(self.errno);
        write!(f, "FUSE backing files: {}", error)?;
        if self.reason.is_empty() {
            return Ok(());
        }
        write!(f, " ({})", self.reason)
    }
}

impl std::error::Error for Error {}

impl From<Error> for io::Error {
    fn from(error: Error) -> Self {
        io::Error::from_raw_os_error(error.errno)
    }
}

// Its size is a part of the request's number.
fn ioctl_on<T>(dev: BorrowedFd<'_>, request: c_ulong, arg: &mut T) -> Result<c_int, i32> {
    // SAFETY: the kernel takes and fills what the number says, and keeps no address.
    let res = unsafe { ioctl(dev.as_raw_fd(), request, arg as *mut T as *mut c_void) };
    if res < 0 {
        return Err(io::Error::last_os_error().raw_os_error().unwrap_or(0));
    }
    Ok(res)
}

// What this thread was refused last, if it is that
fn reason(dev: BorrowedFd<'_>, errno: i32) -> String {
    let mut arg = RefusalArg::default();

    if ioctl_on(dev, IOC_REFUSAL, &mut arg).is_err() || arg.error != errno as u32 {
        return String::new();
    }
    // of a kernel that doesn't end it, nothing is taken
    let end = arg.reason.iter().position(|&byte| byte == 0);
    match CStr::from_bytes_with_nul(&arg.reason[..end.map_or(0, |end| end + 1)]) {
        Ok(word) => word.to_string_lossy().into_owned(),
        Err(_) => String::new(),
    }
}

fn call<T>(dev: impl AsFd, request: c_ulong, arg: &mut T) -> Result<c_int, Error> {
    let dev = dev.as_fd();

    ioctl_on(dev, request, arg).map_err(|errno| Error {
        errno,
        reason: reason(dev, errno),
    })
}

/// The id of an open file, to be named in replies; `flags` are `MAP_*`. The file may be
/// closed afterwards.
pub fn register(dev: impl AsFd, file: impl AsFd, flags: u32) -> Result<i32, Error> {
    let mut arg = MapArg {
        fd: file.as_fd().as_raw_fd(),
        flags,
        ..Default::default()
    };
    call(dev, IOC_OPEN, &mut arg)
}

/// Close an id for new opens.
pub fn close(dev: impl AsFd, mut id: i32) -> Result<(), Error> {
    call(dev, IOC_CLOSE, &mut id).map(drop)
}

/// Close every id, and take every attachment away.
pub fn close_all(dev: impl AsFd) -> Result<(), Error> {
    call(dev, IOC_CLOSE_ALL, &mut CloseAllArg::default()).map(drop)
}

/// The kernel opens the node on what `id` is, without asking; `flags` are `READ`, `WRITE`
/// and `ATTACH_*`. It answers more of it by `ops`: some of `OPS_FILE`, or 0. An id with
/// `MAP_AUTO_CLOSE` is consumed, mostly also by an error.
pub fn attach(
    dev: impl AsFd,
    nodeid: u64,
    generation: u64,
    id: i32,
    flags: u32,
    ops: u64,
) -> Result<(), Error> {
    let mut arg = AttachArg {
        nodeid,
        generation,
        id,
        flags,
        ops,
        ..Default::default()
    };
    call(dev, IOC_ATTACH, &mut arg).map(drop)
}

/// The kernel answers for a directory, and for what is below, what `ops` say: `OPS_DIR`,
/// or `OPS_DIR | OPS_BELOW` with `flags` of `attach()`, and `OPS_CHANGE` with that. The id
/// is of a directory, registered with `MAP_DIR`, and stays the caller's.
pub fn attach_tree(
    dev: impl AsFd,
    nodeid: u64,
    generation: u64,
    id: i32,
    flags: u32,
    ops: u64,
) -> Result<(), Error> {
    let mut arg = TreeArg {
        nodeid,
        generation,
        id,
        flags,
        ops,
        ..Default::default()
    };
    call(dev, IOC_TREE, &mut arg).map(drop)
}

/// What becomes of a name below a tree: `PASS`, `HIDE` or `SERVER`. `kind`, `DT_*` of what
/// it is listed as, and `ino` are of what is the server's.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rule<'a> {
    pub name: &'a [u8],
    pub verdict: u32,
    pub kind: u16,
    pub ino: u64,
}

fn append(text: &mut Vec<u8>, rule: &Rule<'_>) {
    let head = RuleHead {
        ino: rule.ino,
        namelen: rule.name.len() as u32,
        verdict: rule.verdict as u16,
        kind: rule.kind,
    };
    // SAFETY: it has no padding.
    let bytes = unsafe {
        slice::from_raw_parts(
            &head as *const RuleHead as *const u8,
            mem::size_of::<RuleHead>(),
        )
    };
    text.extend_from_slice(bytes);
    text.extend_from_slice(rule.name);
    // up to the next multiple of 8
    text.resize((text.len() + 7) & !7, 0);
}

/// What becomes of names in a directory whose names are passed through, and `otherwise` of
/// all others, in place of all that was said before.
pub fn set_rules(
    dev: impl AsFd,
    nodeid: u64,
    generation: u64,
    rules: &[Rule<'_>],
    otherwise: u32,
) -> Result<(), Error> {
    let mut text = Vec::new();

    for rule in rules {
        append(&mut text, rule);
    }
    let mut arg = RulesArg {
        nodeid,
        generation,
        rules: text.as_ptr() as u64,
        size: text.len() as u32,
        otherwise,
        ..Default::default()
    };
    call(dev, IOC_RULES, &mut arg).map(drop)
}

/// The kernel opens the node on ranges of files; `flags` are those of `attach()`.
pub fn set_extents(
    dev: impl AsFd,
    nodeid: u64,
    generation: u64,
    extents: &[Extent],
    flags: u32,
) -> Result<(), Error> {
    let mut arg = ExtentsArg {
        nodeid,
        generation,
        extents: extents.as_ptr() as u64,
        count: extents.len() as u32,
        flags,
        ..Default::default()
    };
    call(dev, IOC_EXTENTS, &mut arg).map(drop)
}

fn detach_with(dev: impl AsFd, nodeid: u64, generation: u64, flags: u32) -> Result<(), Error> {
    let mut arg = DetachArg {
        nodeid,
        generation,
        flags,
        ..Default::default()
    };
    call(dev, IOC_DETACH, &mut arg).map(drop)
}

/// Take away what is attached; open files keep it.
pub fn detach(dev: impl AsFd, nodeid: u64, generation: u64) -> Result<(), Error> {
    detach_with(dev, nodeid, generation, 0)
}

/// Take it away from open files, too. It waits for what is in flight, and for files on another
/// FUSE to be closed: not for a thread that answers requests.
pub fn revoke(dev: impl AsFd, nodeid: u64, generation: u64) -> Result<(), Error> {
    detach_with(dev, nodeid, generation, DETACH_REVOKE)
}

/// What is mapped.
pub fn list(dev: impl AsFd) -> Result<Vec<Entry>, Error> {
    const ROOM: usize = 64;
    let dev = dev.as_fd();
    let mut all = Vec::new();
    let mut start = 0;

    loop {
        let mut entries = [Entry::default(); ROOM];
        let mut arg = ListArg {
            start,
            count: ROOM as u32,
            entries: entries.as_mut_ptr() as u64,
            ..Default::default()
        };
        call(dev, IOC_LIST, &mut arg)?;
        all.extend_from_slice(&entries[..ROOM.min(arg.count as usize)]);
        if arg.start == 0 || arg.count == 0 {
            return Ok(all);
        }
        start = arg.start;
    }
}

fn has_type(path: &str) -> bool {
    const NAME: &[u8] = b"bpf_struct_ops_fuse_backing_bpf_ops\0";

    match fs::read(path) {
        Ok(types) => types.windows(NAME.len()).any(|part| part == NAME),
        Err(_) => false,
    }
}

/// Has the kernel BPF programs that choose files? Then `OPEN_FILTER` is for the flags of a
/// reply to OPEN or CREATE, beside those of passthrough. The kernel's types say so, so it
/// is false, too, where there is no /sys.
pub fn has_filter() -> bool {
    // FUSE may be a module
    has_type("/sys/kernel/btf/vmlinux") || has_type("/sys/kernel/btf/fuse")
}

#[cfg(test)]
mod tests;
