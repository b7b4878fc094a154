/* SPDX-License-Identifier: GPL-2.0 */
/*
 * One copy of each of the few words that a million records repeat.
 */
#ifndef LSFUSEBACKING_WORDS_H
#define LSFUSEBACKING_WORDS_H

/* A copy of @text that is valid until words_free() */
const char *word_intern(const char *text);
void words_free(void);

#endif
