# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
#
# Sourced by tests of fuse as a module, after passthrough_hp.inc.sh, as root, in a kernel
# whose fuse is not loaded. perl makes the system calls: the guest has no kmod.

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

# The count of references, in the third column
is_unused()
{
	grep -q '^fuse [0-9]* 0 ' /proc/modules
}

unused()
{
	poll is_unused || {
		grep '^fuse ' /proc/modules
		return 1
	}
}

# Another test's own TAP would count as ours
passes()
{
	"$(dirname "$0")/$1"
}

# all_pass NAME...
all_pass()
{
	mount -t fusectl none /sys/fs/fuse/connections
	for t in "$@"; do
		check "$t passes" passes "$t"
	done
	umount /sys/fs/fuse/connections
}
