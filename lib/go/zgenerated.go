// SPDX-License-Identifier: LGPL-2.1

// Made by generate; DO NOT EDIT.

package fusebacking

const (
	iocOpen     = 0x4010e501
	iocClose    = 0x4004e502
	iocAttach   = 0x4028e520
	iocDetach   = 0x4028e521
	iocList     = 0xc020e522
	iocCloseAll = 0x4008e523
	iocExtents  = 0x4030e524
	iocRefusal  = 0x8020e525
	iocTree     = 0x4040e526
	iocRules    = 0x4030e527

	detachRevoke = 0x1
)

const HasTable = 0x100000000000000

const (
	MapAutoClose  = 0x10000
	MapCopySplice = 0x20000
	MapAsOpened   = 0x40000
	MapDir        = 0x80000
)

const OpenFilter = 0x1000000

const (
	Read            = 0x1
	Write           = 0x2
	AttachPending   = 0x100
	AttachUnchecked = 0x200
)

const (
	OpsFile   = 0x800020068000c
	OpsDir    = 0x808023c600004
	OpsBelow  = 0x2011
	OpsChange = 0x100400901fa8
)

const (
	Pass   = 0x0
	Hide   = 0x1
	Server = 0x2
)

const (
	ExtentHole  = 0x1
	ExtentWrite = 0x2
)

const (
	ModeID    = 0x0
	ModeOpen  = 0x1
	ModeInode = 0x2
	ModeBlock = 0x3
	ModeTree  = 0x4

	StateLive    = 0x0
	StateClosing = 0x1
	StatePending = 0x2

	EntryMoreNodes = 0x1
)

type Extent struct {
	Offset         uint64
	Length         uint64
	Backing_offset uint64
	Backing_id     int32
	Flags          uint32
}

type Entry struct {
	Id           int32
	Mode         uint32
	State        uint32
	Access       uint32
	Files        uint32
	Mmaps        uint32
	Attached     uint32
	Pending      uint32
	Dev_major    uint32
	Dev_minor    uint32
	Ino          uint64
	Flags        uint32
	Nr_nodes     uint32
	Nodeid       [8]uint64
	Extents      uint64
	Extent_bytes uint64
	Reserved     uint64
}

type mapArg struct {
	Fd      int32
	Flags   uint32
	Padding uint64
}
type attachArg struct {
	Nodeid     uint64
	Generation uint64
	Id         int32
	Flags      uint32
	Ops        uint64
	Reserved   uint64
}
type detachArg struct {
	Nodeid     uint64
	Generation uint64
	Flags      uint32
	Padding    uint32
	Reserved   [2]uint64
}
type extentsArg struct {
	Nodeid     uint64
	Generation uint64
	Extents    uint64
	Count      uint32
	Flags      uint32
	Reserved   [2]uint64
}
type listArg struct {
	Start    uint32
	Count    uint32
	Entries  uint64
	Reserved [2]uint64
}
type closeAllArg struct {
	Flags   uint32
	Padding uint32
}
type refusalArg struct {
	Error    uint32
	Reserved uint32
	Reason   [24]int8
}
type treeArg struct {
	Nodeid     uint64
	Generation uint64
	Id         int32
	Flags      uint32
	Ops        uint64
	Reserved   [4]uint64
}
type rulesArg struct {
	Nodeid     uint64
	Generation uint64
	Rules      uint64
	Size       uint32
	Otherwise  uint32
	Reserved   [2]uint64
}
type ruleHead struct {
	Ino     uint64
	Namelen uint32
	Verdict uint16
	Type    uint16
}
