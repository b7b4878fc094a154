/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What libsmartcols 2.40 brought, without needing it: each is NULL where the library
 * at hand is older. Which one that is shows at run time, whatever it was at build time.
 */
#ifndef LSFUSEBACKING_SMARTCOLS_FILTER_H
#define LSFUSEBACKING_SMARTCOLS_FILTER_H

#include <libsmartcols.h>

#ifndef HAVE_SCOLS_FILTER
/* Numbers of the library's ABI */
enum {
	SCOLS_DATA_U64 = 1,
	SCOLS_DATA_STRING = 4,
};

struct libscols_filter;

struct libscols_filter *scols_new_filter(const char *text);
void scols_unref_filter(struct libscols_filter *filter);
int scols_filter_parse_string(struct libscols_filter *filter, const char *text);
const char *scols_filter_get_errmsg(struct libscols_filter *filter);
int scols_filter_next_holder(struct libscols_filter *filter,
			     struct libscols_iter *iter, const char **name,
			     int type);
int scols_filter_assign_column(struct libscols_filter *filter,
			       struct libscols_iter *iter, const char *name,
			       struct libscols_column *column);
int scols_line_apply_filter(struct libscols_line *line,
			    struct libscols_filter *filter, int *status);
int scols_column_set_data_type(struct libscols_column *column, int type);
int scols_column_set_data_func(struct libscols_column *column,
			       void *(*func)(const struct libscols_column *column,
					     struct libscols_cell *cell,
					     void *data),
			       void *data);
#endif

#pragma weak scols_new_filter
#pragma weak scols_unref_filter
#pragma weak scols_filter_parse_string
#pragma weak scols_filter_get_errmsg
#pragma weak scols_filter_next_holder
#pragma weak scols_filter_assign_column
#pragma weak scols_line_apply_filter
#pragma weak scols_column_set_data_type
#pragma weak scols_column_set_data_func

#endif
