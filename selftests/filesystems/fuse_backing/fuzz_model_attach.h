/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The fuzzer's model: backing files that are attached to nodes.
 */
#ifndef FUZZ_MODEL_ATTACH_H
#define FUZZ_MODEL_ATTACH_H

struct fuse_backing_attach;
struct fuse_backing_detach;
struct model;

/* What becomes of these: 0 or -errno. Extents are detached, too. */
int model_attach(struct model *m, const struct fuse_backing_attach *args);
int model_detach(struct model *m, const struct fuse_backing_detach *args);

#endif /* FUZZ_MODEL_ATTACH_H */
