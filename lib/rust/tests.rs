// SPDX-License-Identifier: LGPL-2.1

//! On the /dev/fuse that lib/tests/device.c makes up, which is linked to this: each call
//! is what that reads of C's structures.

use super::*;
use std::fs::File;
use std::mem::MaybeUninit;
use std::os::unix::io::RawFd;
use std::ptr::addr_of;
use std::sync::{Mutex, MutexGuard};

// Of tests/device.h
const DEVICE: RawFd = 1000;
const KERNEL_TABLE: c_int = 4;
const KERNEL_RULES: c_int = 6;

extern "C" {
    fn device_reset(kernel: c_int);
    fn device_permit(permitted: bool);
    fn device_map_flags(id: c_int) -> c_int;
    fn device_attached(nodeid: u64) -> u32;
    fn device_ops(nodeid: u64) -> u64;
    fn device_rules(nodeid: u64) -> c_int;
    fn device_ids() -> c_int;
    fn device_mistakes() -> c_int;
}

const ENOENT: i32 = 2;
const EBADF: i32 = 9;
const EEXIST: i32 = 17;
const EINVAL: i32 = 22;
const ENOTTY: i32 = 25;
const EPERM: i32 = 1;

static LOCK: Mutex<()> = Mutex::new(());

// There is one device, and tests are threads
struct Device(#[allow(dead_code)] MutexGuard<'static, ()>);

impl Device {
    fn new(kernel: c_int) -> Device {
        let guard = LOCK.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        // SAFETY: nobody else has it.
        unsafe { device_reset(kernel) };
        Device(guard)
    }
}

impl AsFd for Device {
    fn as_fd(&self) -> BorrowedFd<'_> {
        // SAFETY: the C code knows what it is.
        unsafe { BorrowedFd::borrow_raw(DEVICE) }
    }
}

fn null() -> File {
    File::open("/dev/null").unwrap()
}

fn fails<T: fmt::Debug>(result: Result<T, Error>, errno: i32, reason: &str) {
    let error = result.unwrap_err();
    assert_eq!((error.errno, error.reason.as_str()), (errno, reason));
}

// As abi_test.c has them
macro_rules! layout {
    ($type:ident: $size:expr; $($member:ident $offset:expr),*) => {
        assert_eq!(mem::size_of::<$type>(), $size, stringify!($type));
        let value = MaybeUninit::<$type>::uninit();
        let start = value.as_ptr();
        $(
            // SAFETY: nothing is read.
            let member = unsafe { addr_of!((*start).$member) };
            let offset = member as usize - start as usize;
            assert_eq!(offset, $offset, "{}.{}", stringify!($type), stringify!($member));
        )*
    };
}

#[test]
fn layouts() {
    layout!(MapArg: 16; fd 0, flags 4, padding 8);
    layout!(AttachArg: 40; nodeid 0, generation 8, id 16, flags 20, ops 24, reserved 32);
    layout!(DetachArg: 40; nodeid 0, generation 8, flags 16, padding 20, reserved 24);
    layout!(TreeArg: 64; nodeid 0, generation 8, id 16, flags 20, ops 24, reserved 32);
    layout!(RulesArg: 48; nodeid 0, generation 8, rules 16, size 24, otherwise 28, reserved 32);
    layout!(ExtentsArg: 48; nodeid 0, generation 8, extents 16, count 24, flags 28, reserved 32);
    layout!(ListArg: 32; start 0, count 4, entries 8, reserved 16);
    layout!(CloseAllArg: 8; flags 0, padding 4);
    layout!(RefusalArg: 32; error 0, reserved 4, reason 8);
    layout!(Extent: 32; offset 0, length 8, backing_offset 16, backing_id 24, flags 28);
    layout!(RuleHead: 16; ino 0, namelen 8, verdict 12, kind 14);
    layout!(Entry: 144; id 0, mode 4, state 8, access 12, files 16, mmaps 20, attached 24,
        pending 28, dev_major 32, dev_minor 36, ino 40, flags 48, nr_nodes 52, nodeid 56,
        extents 120, extent_bytes 128, reserved 136);
}

#[test]
fn numbers() {
    let numbers = [
        (IOC_OPEN, 0x4010e501),
        (IOC_CLOSE, 0x4004e502),
        (IOC_ATTACH, 0x4028e520),
        (IOC_DETACH, 0x4028e521),
        (IOC_LIST, 0xc020e522),
        (IOC_CLOSE_ALL, 0x4008e523),
        (IOC_EXTENTS, 0x4030e524),
        (IOC_REFUSAL, 0x8020e525),
        (IOC_TREE, 0x4040e526),
        (IOC_RULES, 0x4030e527),
    ];
    for (is, should_be) in numbers {
        assert_eq!(is, should_be);
    }
    assert_eq!(OPEN_FILTER, 1 << 24);
    assert_eq!(HAS_TABLE, 1 << 56);
}

#[test]
fn ids() {
    let dev = Device::new(KERNEL_RULES);
    let id = register(&dev, null(), MAP_AS_OPENED).unwrap();

    assert_eq!(unsafe { device_map_flags(id) }, MAP_AS_OPENED as c_int);
    fails(register(&dev, null(), 1 << 31), EINVAL, "bad-argument");
    close(&dev, id).unwrap();
    fails(close(&dev, 0), EINVAL, "bad-argument");
    assert_eq!(unsafe { (device_ids(), device_mistakes()) }, (0, 0));
    register(&dev, null(), 0).unwrap();
    close_all(&dev).unwrap();
    assert_eq!(unsafe { device_ids() }, 0);
}

#[test]
fn attachments() {
    let dev = Device::new(KERNEL_RULES);
    let id = register(&dev, null(), 0).unwrap();

    attach(&dev, 42, 1, id, READ | WRITE, OPS_FILE).unwrap();
    assert_eq!(unsafe { device_attached(42) }, READ | WRITE);
    assert_eq!(unsafe { device_ops(42) }, OPS_FILE);
    fails(attach(&dev, 42, 1, id, READ, 0), EEXIST, "attached");
    detach(&dev, 42, 1).unwrap();
    attach(&dev, 42, 1, id, READ, 0).unwrap();
    revoke(&dev, 42, 1).unwrap();
    fails(revoke(&dev, 42, 1), ENOENT, "");
}

#[test]
fn extents() {
    let dev = Device::new(KERNEL_RULES);
    let hole = Extent {
        length: 5,
        flags: EXTENT_HOLE,
        ..Default::default()
    };

    set_extents(&dev, 42, 1, &[hole], READ).unwrap();
    fails(set_extents(&dev, 42, 1, &[], READ), EINVAL, "bad-argument");
}

#[test]
fn rules() {
    let dev = Device::new(KERNEL_RULES);
    let rules = [
        Rule {
            name: b"hidden",
            verdict: HIDE,
            ..Default::default()
        },
        Rule {
            name: b"8 bytes.",
            verdict: SERVER,
            kind: 8,
            ino: 77,
        },
    ];
    let id = register(&dev, null(), MAP_DIR).unwrap();

    fails(set_rules(&dev, 1, 0, &rules, PASS), ENOENT, "");
    let ops = OPS_DIR | OPS_BELOW | OPS_CHANGE;
    attach_tree(&dev, 1, 0, id, READ, ops).unwrap();
    assert_eq!(unsafe { device_ops(1) }, ops);
    set_rules(&dev, 1, 0, &rules, SERVER).unwrap();
    assert_eq!(unsafe { device_rules(1) }, 2);
    set_rules(&dev, 1, 0, &[], PASS).unwrap();
    assert_eq!(unsafe { device_rules(1) }, 0);
    for name in [&b""[..], b"a/b", b"a\0"] {
        let bad = Rule {
            name,
            ..Default::default()
        };
        fails(set_rules(&dev, 1, 0, &[bad], PASS), EINVAL, "bad-argument");
    }
}

#[test]
fn list_in_pieces() {
    let dev = Device::new(KERNEL_RULES);
    let ids: Vec<i32> = (0..150)
        .map(|_| register(&dev, null(), 0).unwrap())
        .collect();

    assert!(list(&dev).unwrap().iter().map(|entry| entry.id).eq(ids));
    close_all(&dev).unwrap();
    assert!(list(&dev).unwrap().is_empty());
}

// A kernel without the call has no reasons
#[test]
fn reasons() {
    let dev = Device::new(KERNEL_TABLE);

    fails(close(&dev, 0), EINVAL, "");
    fails(set_rules(&dev, 1, 0, &[], PASS), ENOTTY, "");
    drop(dev);
    let dev = Device::new(KERNEL_RULES);
    unsafe { device_permit(false) };
    let error = close(&dev, 1).unwrap_err();
    assert!(error.to_string().ends_with("(os error 1) (switched-off)"));
    assert_eq!(io::Error::from(error).raw_os_error(), Some(EPERM));
}

#[test]
fn no_device() {
    fails(close_all(null()), EBADF, "");
}

#[test]
fn types() {
    let path = std::env::temp_dir().join(format!("fusebacking-types-{}", std::process::id()));
    let path = path.to_str().unwrap();

    assert!(!has_type(path));
    for (text, is) in [
        ("a\0bpf_struct_ops_fuse_backing_bpf_ops\0b", true),
        ("a\0bpf_struct_ops_fuse_backing_bpf_ops2\0b", false),
        ("", false),
    ] {
        fs::write(path, text).unwrap();
        assert_eq!(has_type(path), is, "{}", text);
    }
    fs::remove_file(path).unwrap();
}
