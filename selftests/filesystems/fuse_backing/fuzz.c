// SPDX-License-Identifier: GPL-2.0
/*
 * What the fuzzer's operations have in common. See fuzz.h.
 */

#include <errno.h>
#include <sys/ioctl.h>

#include "fuzz.h"
#include "fuzz_model.h"
#include "scratch.h"

const char * const names[NAMES] = {
	"own0", "own1", "own2", "own3", "own4", "own5", "secret", "public",
	"log", "emptied", "created", "created2", "plain",
};

const __u8 rights[FILES] = {
	[OWN_FIRST ... OWN_LAST] = MODEL_READ | MODEL_WRITE,
	[PUBLIC] = MODEL_READ,
	[LOG] = MODEL_READ | MODEL_WRITE | MODEL_APPEND,
};

const char * const mountpoints[MOUNTS] = {
	SCRATCH_FUSE, SCRATCH_FUSE2, SCRATCH_ROOT "/fuse3",
};

struct session session;
struct totals *totals;
__u64 seed;

int do_ioctl(int dev, unsigned long cmd, const void *args)
{
	return ioctl(dev, cmd, args) < 0 ? -errno : 0;
}
