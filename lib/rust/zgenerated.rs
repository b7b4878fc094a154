// SPDX-License-Identifier: LGPL-2.1

// Made by generate; DO NOT EDIT.

const IOC_OPEN: c_ulong = 0x4010e501;
const IOC_CLOSE: c_ulong = 0x4004e502;
const IOC_ATTACH: c_ulong = 0x4028e520;
const IOC_DETACH: c_ulong = 0x4028e521;
const IOC_LIST: c_ulong = 0xc020e522;
const IOC_CLOSE_ALL: c_ulong = 0x4008e523;
const IOC_EXTENTS: c_ulong = 0x4030e524;
const IOC_REFUSAL: c_ulong = 0x8020e525;
const IOC_TREE: c_ulong = 0x4040e526;
const IOC_RULES: c_ulong = 0x4030e527;
const DETACH_REVOKE: u32 = 0x1;

pub const HAS_TABLE: u64 = 0x100000000000000;

pub const MAP_AUTO_CLOSE: u32 = 0x10000;
pub const MAP_COPY_SPLICE: u32 = 0x20000;
pub const MAP_AS_OPENED: u32 = 0x40000;
pub const MAP_DIR: u32 = 0x80000;

pub const OPEN_FILTER: u32 = 0x1000000;

pub const READ: u32 = 0x1;
pub const WRITE: u32 = 0x2;
pub const ATTACH_PENDING: u32 = 0x100;
pub const ATTACH_UNCHECKED: u32 = 0x200;

pub const OPS_FILE: u64 = 0x800020068000c;
pub const OPS_DIR: u64 = 0x808023c600004;
pub const OPS_BELOW: u64 = 0x2011;
pub const OPS_CHANGE: u64 = 0x100400901fa8;

pub const PASS: u32 = 0x0;
pub const HIDE: u32 = 0x1;
pub const SERVER: u32 = 0x2;

pub const EXTENT_HOLE: u32 = 0x1;
pub const EXTENT_WRITE: u32 = 0x2;

pub const MODE_ID: u32 = 0x0;
pub const MODE_OPEN: u32 = 0x1;
pub const MODE_INODE: u32 = 0x2;
pub const MODE_BLOCK: u32 = 0x3;
pub const MODE_TREE: u32 = 0x4;
pub const STATE_LIVE: u32 = 0x0;
pub const STATE_CLOSING: u32 = 0x1;
pub const STATE_PENDING: u32 = 0x2;
pub const ENTRY_MORE_NODES: u32 = 0x1;

#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct Extent {
    pub offset: u64,
    pub length: u64,
    pub backing_offset: u64,
    pub backing_id: i32,
    pub flags: u32,
}

#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct Entry {
    pub id: i32,
    pub mode: u32,
    pub state: u32,
    pub access: u32,
    pub files: u32,
    pub mmaps: u32,
    pub attached: u32,
    pub pending: u32,
    pub dev_major: u32,
    pub dev_minor: u32,
    pub ino: u64,
    pub flags: u32,
    pub nr_nodes: u32,
    pub nodeid: [u64; 8],
    pub extents: u64,
    pub extent_bytes: u64,
    pub reserved: u64,
}

#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
struct MapArg {
    fd: i32,
    flags: u32,
    padding: u64,
}

#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
struct AttachArg {
    nodeid: u64,
    generation: u64,
    id: i32,
    flags: u32,
    ops: u64,
    reserved: u64,
}

#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
struct DetachArg {
    nodeid: u64,
    generation: u64,
    flags: u32,
    padding: u32,
    reserved: [u64; 2],
}

#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
struct ExtentsArg {
    nodeid: u64,
    generation: u64,
    extents: u64,
    count: u32,
    flags: u32,
    reserved: [u64; 2],
}

#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
struct ListArg {
    start: u32,
    count: u32,
    entries: u64,
    reserved: [u64; 2],
}

#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
struct CloseAllArg {
    flags: u32,
    padding: u32,
}

#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
struct RefusalArg {
    error: u32,
    reserved: u32,
    reason: [u8; 24],
}

#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
struct TreeArg {
    nodeid: u64,
    generation: u64,
    id: i32,
    flags: u32,
    ops: u64,
    reserved: [u64; 4],
}

#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
struct RulesArg {
    nodeid: u64,
    generation: u64,
    rules: u64,
    size: u32,
    otherwise: u32,
    reserved: [u64; 2],
}

#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
struct RuleHead {
    ino: u64,
    namelen: u32,
    verdict: u16,
    kind: u16,
}
