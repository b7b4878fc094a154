// SPDX-License-Identifier: GPL-2.0
/*
 * Extents for the fuzzer. See fuzz_random_extents.h.
 */

#include <limits.h>

#include "kselftest.h"

#include "fuzz.h"
#include "fuzz_descriptors.h"
#include "fuzz_model.h"
#include "fuzz_model_ids.h"
#include "fuzz_random.h"
#include "fuzz_random_extents.h"

#define SOME_EXTENTS	6
#define MANY_EXTENTS	70

static_assert(MANY_EXTENTS <= MODEL_EXTENTS);

bool is_fit(const struct model *m, int id, __u8 mode)
{
	return model_live(m, id) && !m->map[id].per_open &&
	       (m->map[id].mode & mode) == mode;
}

/* An id that most likely is good for an extent. */
static int random_fit_id(const struct fuzz_mount *mount, bool write)
{
	__u8 mode = MODEL_READ | (write ? MODEL_WRITE : 0);
	int id = random_id(mount);

	for (int i = 0; i < 30 && chance(99); i++) {
		if (is_fit(&mount->model, id, mode) &&
		    (!write || !(mount->model.map[id].mode & MODEL_APPEND)))
			break;
		id = random_id(mount);
	}
	return id;
}

/* Nothing may be written to where files say who they are. */
static __u64 random_backing_offset(const struct fuzz_mount *mount,
				   const struct fuse_backing_extent *extent)
{
	__u64 least = extent->flags & WRITE_EXTENT ? NEVER_WRITTEN : 0;
	__u64 size = START_SIZE, room = 0;

	if (model_live(&mount->model, extent->backing_id))
		size = file_size(mount->model.map[extent->backing_id].file);
	if (size > extent->length + least)
		room = size - extent->length - least;
	if (chance(2))
		return least + room + 1 + below(PAGE);
	return least + (chance(50) ? 0 : below(room + 1));
}

static __u64 random_length(void)
{
	switch (below(4)) {
	case 0:
		return 1 + below(64);
	case 1:
		return 512 * (1 + below(8));
	default:
		return 1 + below(PAGE);
	}
}

/* One that begins at @pos or behind it; @id is that of the one before. */
static struct fuse_backing_extent
random_extent(const struct fuzz_mount *mount, __u64 pos, int id)
{
	struct fuse_backing_extent extent = {
		.offset = pos + (chance(25) ? 1 + below(PAGE / 2) : 0),
		.length = random_length(),
	};

	if (chance(20)) {
		extent.flags = HOLE_EXTENT;
		return extent;
	}
	if (chance(40))
		extent.flags = WRITE_EXTENT;
	extent.backing_id = id;
	if (!is_fit(&mount->model, id, MODEL_READ) || chance(30))
		extent.backing_id = random_fit_id(mount, extent.flags);
	if (extent.flags && chance(90) &&
	    !is_fit(&mount->model, extent.backing_id, MODEL_WRITE))
		extent.flags = 0;
	extent.backing_offset = random_backing_offset(mount, &extent);
	return extent;
}

__u32 random_extents(const struct fuzz_mount *mount,
		     struct fuse_backing_extent *extent)
{
	__u64 pos = chance(60) ? 0 : below(PAGE);
	__u32 count = 1 + below(SOME_EXTENTS);
	int id = 0;

	for (__u32 i = 0; i < count; i++) {
		extent[i] = random_extent(mount, pos, id);
		pos = extent[i].offset + extent[i].length;
		id = extent[i].backing_id ?: id;
	}
	return count;
}

__u32 many_extents(const struct fuzz_mount *mount,
		   struct fuse_backing_extent *extent)
{
	__u32 most = FUSE_BACKING_EXTENTS_FILES - 4 + below(10), count = 0;

	for (int id = 1; id < MODEL_IDS && count < most; id++) {
		if (!is_fit(&mount->model, id, MODEL_READ))
			continue;
		extent[count] = (struct fuse_backing_extent) {
			.offset = count * 128,
			.length = 128,
			.backing_offset = below(PAGE - 128),
			.backing_id = id,
		};
		count++;
	}
	return count ?: random_extents(mount, extent);
}

/* Numbers that go wrong if they are added. */
static __u64 large_number(void)
{
	static const __u64 large[] = {
		1ULL << 31, 1ULL << 32, 1ULL << 62, 1ULL << 63, ~0ULL,
	};

	return large[below(ARRAY_SIZE(large))] + below(PAGE) - PAGE / 2;
}

static void spoil_one(struct fuse_backing_extent *extent)
{
	switch (below(9)) {
	case 0:
		extent->length = 0;
		break;
	case 1:
		extent->length = large_number();
		break;
	case 2:
		extent->offset = large_number();
		break;
	case 3:
		/* the last byte there is, or one too far */
		extent->offset = LLONG_MAX - extent->length + below(2);
		break;
	case 4:
		extent->backing_offset = large_number();
		break;
	case 5:
		extent->flags ^= 1U << below(32);
		break;
	case 6:
		extent->backing_id = -below(3);
		break;
	case 7:
		extent->offset -= below(64);
		break;
	default:
		extent->flags |= HOLE_EXTENT;
	}
}

/* See random_backing_offset() for what it mustn't be. */
void spoil(struct fuse_backing_extent *extent, __u32 count)
{
	struct fuse_backing_extent *last = &extent[count - 1], first = *extent;

	if (chance(10)) {
		*extent = *last;
		*last = first;
	} else {
		spoil_one(&extent[below(count)]);
	}
	for (__u32 i = 0; i < count; i++)
		if (extent[i].flags & WRITE_EXTENT &&
		    extent[i].backing_offset < NEVER_WRITTEN)
			extent[i].backing_offset = NEVER_WRITTEN;
}

void spoil_args(struct fuse_backing_extents *args)
{
	static const __u64 bad[] = { 0, 8, -4096ULL };

	switch (below(5)) {
	case 0:
		args->count = 0;
		break;
	case 1:
		args->count = FUSE_BACKING_EXTENTS_MAX + 1 +
			      (chance(50) ? 0 : below(INT_MAX));
		break;
	case 2:
		args->extents = bad[below(ARRAY_SIZE(bad))];
		break;
	case 3:
		args->reserved[below(2)] = 1ULL << below(64);
		break;
	default:
		args->flags ^= chance(50) ? 1U << below(32) : random_u32();
	}
}
