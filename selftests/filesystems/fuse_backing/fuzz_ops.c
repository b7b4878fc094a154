// SPDX-License-Identifier: GPL-2.0
/*
 * All of the fuzzer's operations. See fuzz_ops.h.
 */

#include "fuzz.h"
#include "fuzz_abort.h"
#include "fuzz_attach.h"
#include "fuzz_extents.h"
#include "fuzz_ids.h"
#include "fuzz_io.h"
#include "fuzz_late_open.h"
#include "fuzz_names.h"
#include "fuzz_opens.h"
#include "fuzz_ops.h"
#include "fuzz_random.h"
#include "fuzz_table.h"

static struct fuzz_mount *random_mount(void)
{
	return &session.mount[below(MOUNTS)];
}

void one_op(void)
{
	struct fuzz_mount *mount = random_mount();
	__u32 r = below(1000);

	if (r < 270)
		op_register(mount);
	else if (r < 490)
		op_close_id(mount);
	else if (r < 620)
		op_open(mount);
	else if (r < 835)
		op_client();
	else if (r < 880)
		op_attach(mount);
	else if (r < 920)
		op_extents(mount);
	else if (r < 949)
		op_detach(mount);
	else if (r < 950)
		op_close_all(mount);
	else if (r < 970)
		op_odd_ioctl(mount);
	else if (r < 980)
		op_limit(mount);
	else if (r < 993)
		check_table(mount);
	else if (r < 997)
		op_forget(mount);
	else if (r < 999)
		op_late_open(mount);
	else
		op_abort(mount);
}
