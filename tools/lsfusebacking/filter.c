// SPDX-License-Identifier: GPL-2.0
#include "filter.h"

#include <stddef.h>

#include "connection.h"
#include "holders.h"

bool filter_passes(const struct filter *filter, const struct mapping *map)
{
	if (filter->sums_only)
		return false;
	return !filter->holders || holders_match(filter->holders, map);
}

void filter_leave_out(const struct filter *filter, struct connection *conn,
		      const struct mapping *map)
{
	if (map->problem && filter->holders &&
	    holders_may_match(filter->holders, map))
		conn->doubt = map->problem;
}
