// SPDX-License-Identifier: GPL-2.0
/*
 * Where the bytes of files are in an archive. See extents.h.
 */

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "alloc.h"
#include "extents.h"

static uint64_t min(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t end_of(const struct extent *extent)
{
	return extent->offset + extent->length;
}

bool extents_add(struct extents *extents, uint32_t first,
		 const struct extent *extent)
{
	struct extent *last = NULL;

	if (extents->count > first)
		last = &extents->list[extents->count - 1];
	if (last && extent->offset < end_of(last))
		return false;
	if (last && extent->offset == end_of(last) &&
	    extent->where == last->where + last->length) {
		last->length += extent->length;
		return true;
	}
	extents->list = grow(extents->list, extents->count,
			     sizeof(*extents->list));
	extents->list[extents->count++] = *extent;
	return true;
}

uint64_t layout_bytes(const struct layout *layout)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < layout->count; i++)
		sum += layout->list[i].length;
	return sum;
}

/* The first one that ends behind @pos, which may be none: layout->count */
static uint32_t find(const struct layout *layout, uint64_t pos)
{
	uint32_t low = 0, high = layout->count, middle;

	while (low < high) {
		middle = low + (high - low) / 2;
		if (end_of(&layout->list[middle]) > pos)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

/* What the archive had when it was indexed */
static int read_all(int fd, char *buf, size_t size, off_t pos)
{
	ssize_t res;

	for (; size; size -= res, buf += res, pos += res) {
		res = pread(fd, buf, size, pos);
		if (res < 0 && errno == EINTR)
			res = 0;
		else if (res <= 0)
			return res ? -errno : -EIO;
	}
	return 0;
}

ssize_t layout_read(const struct layout *layout, int fd, char *buf, size_t size,
		    uint64_t pos)
{
	const struct extent *extent;
	size_t done = 0, part;
	int err = 0;

	if (pos >= layout->size)
		return 0;
	size = min(size, layout->size - pos);
	for (uint32_t i = find(layout, pos); done < size && !err; pos += part) {
		extent = &layout->list[i];
		if (i == layout->count || pos < extent->offset) {
			part = size - done;
			if (i < layout->count)
				part = min(part, extent->offset - pos);
			memset(buf + done, 0, part);
		} else {
			part = min(size - done, end_of(extent) - pos);
			err = read_all(fd, buf + done, part,
				       extent->where + pos - extent->offset);
			i++;
		}
		done += part;
	}
	return err ?: (ssize_t)done;
}

off_t layout_seek(const struct layout *layout, uint64_t pos, int whence)
{
	uint32_t i = find(layout, pos);

	if (pos >= layout->size)
		return -ENXIO;
	if (whence == SEEK_DATA) {
		if (i == layout->count)
			return -ENXIO;
		return layout->list[i].offset > pos ? layout->list[i].offset :
						      pos;
	}
	for (; i < layout->count && layout->list[i].offset <= pos; i++)
		pos = end_of(&layout->list[i]);
	return pos;
}
