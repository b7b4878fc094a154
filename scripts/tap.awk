# SPDX-License-Identifier: GPL-2.0
# Results of one test program: its output as input, -v program= status= limit=.
# Prints PASS, FAIL or SKIP lines. Understands TAP and nested KTAP, where the
# line of a group is not counted beside the lines in it. A program without any
# such line is one test, judged by its exit status (4: skipped).

function result(word, name) {
	printf "%s %s%s\n", word, program, name == "" ? "" : ": " name
	count++
	if (word == "FAIL")
		failed++
}

match($0, /^ *1\.\.[0-9]+/) {
	if (!indent_of_plan++ && $0 !~ /^ /)
		planned = substr($0, 4) + 0
	next
}

match($0, /^ *(not )?ok [0-9]+/) {
	head = substr($0, 1, RLENGTH)
	name = substr($0, RLENGTH + 1)
	match(head, /^ */)
	depth = RLENGTH
	group = inner > depth
	inner = depth
	top += (depth == 0)
	word = head ~ /not ok/ ? "FAIL" : "PASS"
	if (toupper(name) ~ /# *SKIP/)
		word = "SKIP"
	sub(/^ *-? */, "", name)
	# A group is counted only when it failed on its own account
	if (group && !(word == "FAIL" && !failed_inside))
		failed_inside = 0
	else
		result(word, name)
	if (word == "FAIL" && !group)
		failed_inside = 1
}

END {
	if (status == 124 || status == 137)
		result("FAIL", "killed after " limit " seconds")
	else if (status == "dead")
		result("FAIL", "the guest died or hung")
	else if (!count)
		result(status == 0 ? "PASS" : status == 4 ? "SKIP" : "FAIL",
		       status == 0 || status == 4 ? "" : "exit status " status)
	else if (planned > top)
		result("FAIL", planned " tests planned, " top " seen")
	else if (status != 0 && status != 4 && !failed)
		result("FAIL", "exit status " status)
}
