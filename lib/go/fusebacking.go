// SPDX-License-Identifier: LGPL-2.1

// Package fusebacking has the kernel read and write files of a FUSE server: the ioctls
// on /dev/fuse that linux/fuse_backing.h describes, without cgo.
//
// dev is a descriptor of /dev/fuse whose INIT was answered, with passthrough. All may be
// called by several goroutines at once. Errors are of type *Error.
package fusebacking

import (
	"bytes"
	"os"
	"runtime"
	"sync/atomic"
	"syscall"
	"unsafe"
)

//go:generate sh ./generate

// Error is why a call failed.
type Error struct {
	Errno syscall.Errno
	// Reason is the kernel's word for it, if it has one, of those in
	// fuse-backing-security.rst.
	Reason string
}

func (e *Error) Error() string {
	if e.Reason == "" {
		return "FUSE backing files: " + e.Errno.Error()
	}
	return "FUSE backing files: " + e.Errno.Error() + " (" + e.Reason + ")"
}

// Unwrap is for errors.Is(err, syscall.EPERM) and the like.
func (e *Error) Unwrap() error { return e.Errno }

func ioctl(dev int, request uintptr, arg unsafe.Pointer) (int, syscall.Errno) {
	for {
		res, _, errno := syscall.Syscall(syscall.SYS_IOCTL, uintptr(dev), request,
			uintptr(arg))
		if errno != syscall.EINTR {
			return int(res), errno
		}
	}
}

// What this thread was refused last, if it is that
func reason(dev int, errno syscall.Errno) string {
	var arg refusalArg

	_, err := ioctl(dev, iocRefusal, unsafe.Pointer(&arg))
	if err != 0 || syscall.Errno(arg.Error) != errno {
		return ""
	}
	word := (*[len(arg.Reason)]byte)(unsafe.Pointer(&arg.Reason))[:]
	end := bytes.IndexByte(word, 0)
	if end < 0 {
		return ""
	}
	return string(word[:end])
}

// The kernel tells a reason to the thread that was refused, and goroutines change theirs.
func call(dev int, request uintptr, arg unsafe.Pointer) (int, error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	res, errno := ioctl(dev, request, arg)
	if errno == 0 {
		return res, nil
	}
	return -1, &Error{errno, reason(dev, errno)}
}

// Register returns the id of an open file, to be named in replies; flags are Map*. fd may
// be closed afterwards.
func Register(dev, fd int, flags uint32) (int32, error) {
	arg := mapArg{Fd: int32(fd), Flags: flags}
	id, err := call(dev, iocOpen, unsafe.Pointer(&arg))
	return int32(id), err
}

// Close closes an id for new opens.
func Close(dev int, id int32) error {
	_, err := call(dev, iocClose, unsafe.Pointer(&id))
	return err
}

// CloseAll closes every id, and takes every attachment away.
func CloseAll(dev int) error {
	var arg closeAllArg
	_, err := call(dev, iocCloseAll, unsafe.Pointer(&arg))
	return err
}

// Attach has the kernel open the node on what id is, without asking; flags are Read,
// Write and Attach*. It answers more of it by ops: some of OpsFile, or 0. An id with
// MapAutoClose is consumed, mostly also by an error.
func Attach(dev int, node, generation uint64, id int32, flags uint32, ops uint64) error {
	arg := attachArg{Nodeid: node, Generation: generation, Id: id, Flags: flags, Ops: ops}
	_, err := call(dev, iocAttach, unsafe.Pointer(&arg))
	return err
}

// AttachTree has the kernel answer for a directory, and for what is below, what ops say:
// OpsDir, or OpsDir|OpsBelow with flags of Attach, and OpsChange with that. The id is of a
// directory, registered with MapDir, and stays the caller's.
func AttachTree(dev int, node, generation uint64, id int32, flags uint32, ops uint64) error {
	arg := treeArg{Nodeid: node, Generation: generation, Id: id, Flags: flags, Ops: ops}
	_, err := call(dev, iocTree, unsafe.Pointer(&arg))
	return err
}

// Rule is what becomes of a name below a tree: Pass, Hide or Server. Type, DT_* of what it
// is listed as, and Ino are of what is the server's.
type Rule struct {
	Name    string
	Verdict uint16
	Type    uint16
	Ino     uint64
}

const ruleHeadSize = int(unsafe.Sizeof(ruleHead{}))

func appendRule(text []byte, rule *Rule) []byte {
	head := ruleHead{Ino: rule.Ino, Namelen: uint32(len(rule.Name)),
		Verdict: rule.Verdict, Type: rule.Type}
	text = append(text, (*[ruleHeadSize]byte)(unsafe.Pointer(&head))[:]...)
	text = append(text, rule.Name...)
	// up to the next multiple of 8
	return append(text, make([]byte, -len(text)&7)...)
}

// SetRules says what becomes of names in a directory whose names are passed through, and
// otherwise of all others, in place of all that was said before.
func SetRules(dev int, node, generation uint64, rules []Rule, otherwise uint32) error {
	var text []byte

	for i := range rules {
		text = appendRule(text, &rules[i])
	}
	arg := rulesArg{Nodeid: node, Generation: generation, Size: uint32(len(text)),
		Otherwise: otherwise}
	if len(text) > 0 {
		escapedText.Store(&text[0])
		arg.Rules = uint64(uintptr(unsafe.Pointer(&text[0])))
	}
	_, err := call(dev, iocRules, unsafe.Pointer(&arg))
	runtime.KeepAlive(text)
	return err
}

// The kernel gets an address as a number. What the compiler doesn't see go anywhere may be
// on a stack, and that moves; through this it goes to the heap.
var escaped atomic.Pointer[Extent]
var escapedText atomic.Pointer[byte]

// SetExtents has the kernel open the node on ranges of files.
func SetExtents(dev int, node, generation uint64, extents []Extent, flags uint32) error {
	arg := extentsArg{Nodeid: node, Generation: generation, Count: uint32(len(extents)),
		Flags: flags}
	if len(extents) > 0 {
		escaped.Store(&extents[0])
		arg.Extents = uint64(uintptr(unsafe.Pointer(&extents[0])))
	}
	_, err := call(dev, iocExtents, unsafe.Pointer(&arg))
	runtime.KeepAlive(extents)
	return err
}

// Detach takes away what is attached; open files keep it.
func Detach(dev int, node, generation uint64) error {
	arg := detachArg{Nodeid: node, Generation: generation}
	_, err := call(dev, iocDetach, unsafe.Pointer(&arg))
	return err
}

// Revoke takes it away from open files, too. It waits for what is in flight, and for files
// on another FUSE to be closed: don't call it where requests are answered.
func Revoke(dev int, node, generation uint64) error {
	arg := detachArg{Nodeid: node, Generation: generation, Flags: detachRevoke}
	_, err := call(dev, iocDetach, unsafe.Pointer(&arg))
	return err
}

// HasFilter says whether the kernel has BPF programs that choose files. Its types say so,
// so it is false, too, where there is no /sys.
func HasFilter() bool {
	// FUSE may be a module
	return hasType("/sys/kernel/btf/vmlinux") || hasType("/sys/kernel/btf/fuse")
}

func hasType(path string) bool {
	types, err := os.ReadFile(path)
	return err == nil && bytes.Contains(types, []byte("bpf_struct_ops_fuse_backing_bpf_ops\x00"))
}

// List returns what is mapped.
func List(dev int) ([]Entry, error) {
	const room = 64
	var entries []Entry

	for arg := (listArg{}); ; {
		n := len(entries)
		// returned, so on the heap
		entries = append(entries, make([]Entry, room)...)
		arg.Count = room
		arg.Entries = uint64(uintptr(unsafe.Pointer(&entries[n])))
		_, err := call(dev, iocList, unsafe.Pointer(&arg))
		runtime.KeepAlive(entries)
		if err != nil {
			return nil, err
		}
		entries = entries[:n+int(arg.Count)]
		if arg.Start == 0 || arg.Count == 0 {
			return entries, nil
		}
	}
}
