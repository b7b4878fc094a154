// SPDX-License-Identifier: LGPL-2.1

package fusebacking

import (
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"unsafe"
)

// As abi_test.c has them
func TestNumbers(t *testing.T) {
	for request, want := range map[uintptr]uintptr{
		iocOpen: 0x4010e501, iocClose: 0x4004e502, iocAttach: 0x4028e520,
		iocDetach: 0x4028e521, iocList: 0xc020e522, iocCloseAll: 0x4008e523,
		iocExtents: 0x4030e524, iocRefusal: 0x8020e525,
		iocTree: 0x4040e526, iocRules: 0x4030e527,
	} {
		if request != want {
			t.Errorf("%#x, and should be %#x", request, want)
		}
	}
}

// The size is a part of a number
func TestSizes(t *testing.T) {
	for request, size := range map[uintptr]uintptr{
		iocOpen: unsafe.Sizeof(mapArg{}), iocAttach: unsafe.Sizeof(attachArg{}),
		iocDetach: unsafe.Sizeof(detachArg{}), iocList: unsafe.Sizeof(listArg{}),
		iocCloseAll: unsafe.Sizeof(closeAllArg{}),
		iocExtents:  unsafe.Sizeof(extentsArg{}),
		iocRefusal:  unsafe.Sizeof(refusalArg{}),
		iocTree:     unsafe.Sizeof(treeArg{}),
		iocRules:    unsafe.Sizeof(rulesArg{}),
	} {
		if request>>16&0x3fff != size {
			t.Errorf("%#x has %d bytes", request, size)
		}
	}
	if unsafe.Sizeof(Extent{}) != 32 || unsafe.Sizeof(Entry{}) != 144 ||
		ruleHeadSize != 16 {
		t.Error("Extent, Entry or Rule")
	}
}

func TestTypes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "types")
	if hasType(path) {
		t.Error("no file")
	}
	for text, want := range map[string]bool{
		"bpf_struct_ops_fuse_backing_bpf_ops\x00":        true,
		"a\x00bpf_struct_ops_fuse_backing_bpf_ops\x00b":  true,
		"a\x00bpf_struct_ops_fuse_backing_bpf_ops2\x00b": false,
		"": false,
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if hasType(path) != want {
			t.Errorf("%q: not %v", text, want)
		}
	}
}

func TestNoDevice(t *testing.T) {
	if _, err := Register(-1, 0, 0); !errors.Is(err, syscall.EBADF) {
		t.Error(err)
	}
	null, err := os.Open("/dev/null")
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	if err := CloseAll(int(null.Fd())); !errors.Is(err, syscall.ENOTTY) {
		t.Error(err)
	}
}

// A FUSE mount whose server answers INIT, and nothing else

const (
	initExt     = 1 << 30
	passthrough = 1 << 37
)

// answerInit returns what the kernel offered.
func answerInit(dev int) (uint64, error) {
	le := binary.LittleEndian
	buf := make([]byte, 1<<20)
	if _, err := syscall.Read(dev, buf); err != nil {
		return 0, err
	}
	offered := uint64(le.Uint32(buf[56:]))<<32 | uint64(le.Uint32(buf[52:]))
	out := make([]byte, 16+64)
	le.PutUint32(out, uint32(len(out)))
	copy(out[8:], buf[8:16])
	le.PutUint32(out[16:], 7)
	le.PutUint32(out[20:], 40)
	le.PutUint32(out[28:], initExt)
	le.PutUint32(out[36:], 4096)            // max_write
	le.PutUint32(out[40:], 1)               // time_gran
	le.PutUint32(out[48:], passthrough>>32) // flags2
	le.PutUint32(out[52:], 1)               // max_stack_depth
	_, err := syscall.Write(dev, out)
	return offered, err
}

// mount returns /dev/fuse of a mount that goes with the test.
func mount(t *testing.T) int {
	dev, err := syscall.Open("/dev/fuse", syscall.O_RDWR|syscall.O_CLOEXEC, 0)
	if err != nil {
		t.Skip("no /dev/fuse")
	}
	dir := t.TempDir()
	err = syscall.Mount("go", dir, "fuse", 0, "fd="+strconv.Itoa(dev)+
		",rootmode=40000,user_id=0,group_id=0,default_permissions")
	if err != nil {
		t.Skip("can't mount: ", err)
	}
	t.Cleanup(func() {
		syscall.Close(dev)
		syscall.Unmount(dir, syscall.MNT_DETACH)
	})
	offered, err := answerInit(dev)
	if err != nil {
		t.Fatal(err)
	}
	if offered&HasTable == 0 {
		t.Skip("the kernel has no table of backing files")
	}
	return dev
}

// fails checks errno and word of an error.
func fails(t *testing.T, err error, errno syscall.Errno, reason string) {
	var e *Error

	t.Helper()
	if !errors.As(err, &e) || e.Errno != errno || e.Reason != reason {
		t.Errorf("%v, and should be %v (%s)", err, errno, reason)
	}
}

func register(t *testing.T, dev int) int32 {
	file, err := os.Create(filepath.Join(t.TempDir(), "file"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if err := file.Truncate(4096); err != nil {
		t.Fatal(err)
	}
	id, err := Register(dev, int(file.Fd()), 0)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func TestCalls(t *testing.T) {
	dev := mount(t)
	id := register(t, dev)
	extents := []Extent{{Length: 100, Backing_id: id}, {Offset: 100, Length: 5,
		Flags: ExtentHole}}

	for i, err := range []error{
		Attach(dev, 42, 1, id, Read|Write|AttachPending, OpsFile),
		SetExtents(dev, 43, 1, extents, Read|AttachPending),
	} {
		if err != nil {
			t.Error(i, err)
		}
	}
	entries, err := List(dev)
	if err != nil || len(entries) != 1 || entries[0].Id != id ||
		entries[0].Pending != 2 || entries[0].Access != Read|Write {
		t.Error(entries, err)
	}
	fails(t, Attach(dev, 42, 1, id, Read|AttachPending, 0), syscall.EEXIST, "attached")
	for i, err := range []error{Detach(dev, 42, 1), Close(dev, id), CloseAll(dev)} {
		if err != nil {
			t.Error(i, err)
		}
	}
	fails(t, Revoke(dev, 42, 1), syscall.ENOENT, "not-attached")
	fails(t, Close(dev, id), syscall.ENOENT, "unknown-id")
	_, err = Register(dev, -1, 0)
	fails(t, err, syscall.EBADF, "bad-descriptor")
}

func attachTree(t *testing.T, dev int) {
	dir, err := os.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	id, err := Register(dev, int(dir.Fd()), MapDir)
	if err != nil {
		t.Fatal(err)
	}
	if err := AttachTree(dev, 1, 0, id, Read, OpsDir|OpsBelow|OpsChange); err != nil {
		t.Fatal(err)
	}
}

func TestRules(t *testing.T) {
	dev := mount(t)
	rules := []Rule{{Name: "hidden", Verdict: Hide},
		{Name: "8 bytes.", Verdict: Server, Type: syscall.DT_REG, Ino: 77},
		{Name: "passed", Verdict: Pass}}

	fails(t, SetRules(dev, 1, 0, rules, Pass), syscall.ENOENT, "not-attached")
	attachTree(t, dev)
	for i, err := range []error{
		SetRules(dev, 1, 0, rules, Pass),
		SetRules(dev, 1, 0, rules[:1], Server),
		SetRules(dev, 1, 0, nil, Pass),
	} {
		if err != nil {
			t.Error(i, err)
		}
	}
	for _, bad := range []Rule{
		{Name: "", Verdict: Hide}, {Name: "a/b", Verdict: Hide},
		{Name: "a", Verdict: Server + 1}, {Name: "a", Verdict: Hide, Ino: 1},
	} {
		fails(t, SetRules(dev, 1, 0, []Rule{bad}, Pass), syscall.EINVAL,
			"bad-argument")
	}
}

func TestListInPieces(t *testing.T) {
	dev := mount(t)
	const many = 150

	for i := 0; i < many; i++ {
		register(t, dev)
	}
	entries, err := List(dev)
	if err != nil || len(entries) != many || entries[many-1].Id != many {
		t.Error(len(entries), err)
	}
}

// Goroutines hear of their own calls.
func TestReasons(t *testing.T) {
	dev := mount(t)
	register(t, dev)
	var wg sync.WaitGroup

	for i := 0; i < 4; i++ {
		wg.Add(1)
		go func(odd bool) {
			defer wg.Done()
			for n := 0; n < 200; n++ {
				var e *Error
				errno, word := syscall.ENOENT, "unknown-id"
				err := Close(dev, 4000)
				if odd {
					errno, word = syscall.EBADF, "bad-descriptor"
					_, err = Register(dev, -1, 0)
				}
				if !errors.As(err, &e) || e.Errno != errno ||
					(e.Reason != word && e.Reason != "") {
					t.Error(err)
				}
			}
		}(i%2 == 1)
	}
	wg.Wait()
}
