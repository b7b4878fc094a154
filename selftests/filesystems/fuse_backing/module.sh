#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# With CONFIG_FUSE_FS=m: the module loads, has all that it needs of the kernel,
# mounts leave nothing behind in it, and it unloads. As root, in a kernel whose
# fuse is not loaded. perl makes the system calls: the guest has no kmod.

here=$(dirname "$0")
tests="visibility_test ids_test lifetime_test"
n=0

check()
{
	what=$1
	shift
	n=$((n + 1))
	if "$@"; then
		echo "ok $n - $what"
	else
		echo "not ok $n - $what"
	fi
}

load()
{
	perl -e 'open my $f, "<", $ARGV[0] or die "$ARGV[0]: $!\n";
		my $no_parameters = "";
		syscall(313, fileno $f, $no_parameters, 0) == 0 or die "$!\n"' \
		"/repo/build/obj-$KERNEL/$VARIANT/fs/fuse/fuse.ko"
}

unload()
{
	perl -e 'my $name = "fuse"; syscall(176, $name, 0) == 0 or die "$!\n"'
}

# The test's own TAP would count as ours
passes()
{
	"$here/$1" >"/tmp/$1.log" 2>&1 && return
	sed 's/^/# /' "/tmp/$1.log"
	return 1
}

# The count of references, in the third column
unused()
{
	for _ in $(seq $((100 * ${PATIENCE:-1}))); do
		grep -q '^fuse [0-9]* 0 ' /proc/modules && return
		sleep 0.1
	done
	grep '^fuse ' /proc/modules
	return 1
}

echo "1..$(($(echo "$tests" | wc -w) + 3))"
check "loads" load
mount -t fusectl none /sys/fs/fuse/connections
for t in $tests; do
	check "$t passes" passes "$t"
done
umount /sys/fs/fuse/connections
check "is not used any more" unused
check "unloads" unload
