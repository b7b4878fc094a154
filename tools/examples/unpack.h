/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The bytes of a member that an archive has in some other form.
 */
#ifndef UNPACK_H
#define UNPACK_H

#include <stdint.h>

/*
 * A descriptor of a file without a name, in $TMPDIR or /var/tmp, that has the
 * bytes of this member of the archive open as @fd; or -errno, -EIO if libarchive
 * can't tell them. The caller must close it.
 */
int unpack(int fd, uint32_t member);

#endif /* UNPACK_H */
