// SPDX-License-Identifier: LGPL-2.1

//go:build ignore

// What zgenerated.go is made of: structures and numbers of linux/fuse_backing.h.
package fusebacking

// #include "device.h"
// #include "fuse_backing.h"
import "C"

const (
	iocOpen     = C.FUSE_DEV_IOC_BACKING_OPEN
	iocClose    = C.FUSE_DEV_IOC_BACKING_CLOSE
	iocAttach   = C.FUSE_DEV_IOC_BACKING_ATTACH
	iocDetach   = C.FUSE_DEV_IOC_BACKING_DETACH
	iocList     = C.FUSE_DEV_IOC_BACKING_LIST
	iocCloseAll = C.FUSE_DEV_IOC_BACKING_CLOSE_ALL
	iocExtents  = C.FUSE_DEV_IOC_BACKING_EXTENTS
	iocRefusal  = C.FUSE_DEV_IOC_BACKING_REFUSAL
	iocTree     = C.FUSE_DEV_IOC_BACKING_TREE
	iocRules    = C.FUSE_DEV_IOC_BACKING_RULES

	detachRevoke = C.FUSE_BACKING_DETACH_REVOKE
)

// Of fuse_init_in: there are the ioctls numbered 32 and above.
const HasTable = C.FUSE_HAS_BACKING_TABLE

// Flags of Register
const (
	MapAutoClose  = C.FUSE_BACKING_MAP_AUTO_CLOSE
	MapCopySplice = C.FUSE_BACKING_MAP_COPY_SPLICE
	MapAsOpened   = C.FUSE_BACKING_MAP_AS_OPENED
	MapDir        = C.FUSE_BACKING_MAP_DIR
)

// OpenFilter is for the flags of a reply to OPEN or CREATE, beside those of passthrough: the
// BPF program of the connection chooses what the file is opened on, where HasFilter().
const OpenFilter = C.FOPEN_BACKING_FILTER

// Flags of Attach, AttachTree and SetExtents
const (
	Read            = C.FUSE_BACKING_READ
	Write           = C.FUSE_BACKING_WRITE
	AttachPending   = C.FUSE_BACKING_ATTACH_PENDING
	AttachUnchecked = C.FUSE_BACKING_ATTACH_UNCHECKED
)

// What a file has the answer to, for Attach: OpsFile. A directory, for AttachTree: OpsDir,
// OpsBelow of what is below, and OpsChange of what is changed there
const (
	OpsFile   = C.FUSE_BACKING_OPS_FILE
	OpsDir    = C.FUSE_BACKING_OPS_DIR
	OpsBelow  = C.FUSE_BACKING_OPS_BELOW
	OpsChange = C.FUSE_BACKING_OPS_CHANGE
)

// What becomes of a name, in a Rule
const (
	Pass   = C.FUSE_BACKING_PASS
	Hide   = C.FUSE_BACKING_HIDE
	Server = C.FUSE_BACKING_SERVER
)

// Flags of an Extent
const (
	ExtentHole  = C.FUSE_BACKING_EXTENT_HOLE
	ExtentWrite = C.FUSE_BACKING_EXTENT_WRITE
)

// Of an Entry
const (
	ModeID    = C.FUSE_BACKING_MODE_ID
	ModeOpen  = C.FUSE_BACKING_MODE_OPEN
	ModeInode = C.FUSE_BACKING_MODE_INODE
	ModeBlock = C.FUSE_BACKING_MODE_BLOCK
	ModeTree  = C.FUSE_BACKING_MODE_TREE

	StateLive    = C.FUSE_BACKING_STATE_LIVE
	StateClosing = C.FUSE_BACKING_STATE_CLOSING
	StatePending = C.FUSE_BACKING_STATE_PENDING

	EntryMoreNodes = C.FUSE_BACKING_ENTRY_MORE_NODES
)

// Extent is a range of a FUSE file, and where its bytes are.
type Extent C.struct_fuse_backing_extent

// Entry is a mapping, as List has it.
type Entry C.struct_fuse_backing_entry

type mapArg C.struct_fuse_backing_map
type attachArg C.struct_fuse_backing_attach
type detachArg C.struct_fuse_backing_detach
type extentsArg C.struct_fuse_backing_extents
type listArg C.struct_fuse_backing_list
type closeAllArg C.struct_fuse_backing_close_all
type refusalArg C.struct_fuse_backing_refusal
type treeArg C.struct_fuse_backing_tree
type rulesArg C.struct_fuse_backing_rules
type ruleHead C.struct_fuse_backing_rule
