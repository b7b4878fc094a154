/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What Linux 7.3 declares here is in fuse_i.h.
 */
