/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the kernel's headers call what compilers know.
 */
#ifndef LSFUSEBACKING_COMPILER_H
#define LSFUSEBACKING_COMPILER_H

#define __printf(format_at, first) \
	__attribute__(( \
		__format__(printf, format_at, first)))

#endif
