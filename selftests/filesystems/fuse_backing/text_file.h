/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Files of the kernel's that take a line of text: settings in /proc and /sys.
 */
#ifndef TEXT_FILE_H
#define TEXT_FILE_H

/* By one write(2) to what is there already: 0 or -errno. */
int text_file_write(const char *path, const char *text);

#endif /* TEXT_FILE_H */
