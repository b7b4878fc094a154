/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Kernel modules that tests bring along: in test_modules/ beside the programs, or where
 * there are some for several kernels, in a directory there that VARIANT names.
 */
#ifndef TEST_MODULE_H
#define TEST_MODULE_H

/*
 * With the module's parameters: 0; -EOPNOTSUPP if there is none for this kernel,
 * or nothing there that it needs; or -errno. Needs root.
 */
int test_module_load(const char *name, const char *parameters);
void test_module_unload(const char *name);

#endif /* TEST_MODULE_H */
