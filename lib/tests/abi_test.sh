#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1
# What others rely on: the symbols of the library, a program built with its first headers,
# headers that C++ takes, what is installed, and the tests as programs of 32 bits.
# O is where the library was built.
# shellcheck disable=SC2317,SC2329 # functions are called by check

set -uo pipefail
. "$(dirname "$0")/checks.inc.sh"
tests=$(cd "$(dirname "$0")" && pwd)
lib=${tests%/*}
# the one of this version, whichever were built there before
library=$(readlink -f "$O/libfusebacking.so.0")

is_sanitized()
{
	nm -D "$library" | grep -q __asan_init
}

# A symbol that is new, or gone, is a difference; a package is to be there, of any kind
symbols()
{
	mkdir -p "$work/debian" && cd "$work" &&
		printf '%s\n' 'Source: fuse-backing' '' 'Package: libfusebacking0' \
			'Architecture: any' >debian/control &&
		dpkg-gensymbols -c4 -plibfusebacking0 -v0 "-e$library" \
			"-I$lib/libfusebacking0.symbols" -Osymbols
}

soname()
{
	objdump -p "$library" | grep -q 'SONAME *libfusebacking.so.0$'
}

# Against the library itself: ioctl(2) of the program is what that calls, too
first_headers()
{
	gcc -std=gnu11 -D_GNU_SOURCE -Wall -Werror -I"$tests/first" -o "$work/first" \
		"$tests/first/server.c" "$O/tests/device.o" "$O/tests/harness.o" \
		-L"$O" -lfusebacking -pthread &&
		LD_LIBRARY_PATH=$O "$work/first"
}

cplusplus()
{
	echo '#include <fuse_backing.h>' |
		g++ -x c++ -Wall -Wextra -Wpedantic -Werror -I"$lib" \
			-idirafter "$lib/../include/uapi" -fsyntax-only -
}

# No name of libfuse is in there; what the header says is there, and nothing else
without_libfuse()
{
	! grep -E '\bfuse_(session|req|file_info|conn_info|lowlevel)' "$lib/fuse_backing.h"
}

installed()
{
	make -C "$lib" O="$work/build" DESTDIR="$work/root" PREFIX=/usr install || return
	cd "$work" && echo '#include <fuse_backing.h>
		int main(void) { return fusebacking_reason_word(1) ? 0 : 1; }' >program.c
	export PKG_CONFIG_SYSROOT_DIR=$work/root
	export PKG_CONFIG_PATH=$work/root/usr/lib/pkgconfig
	# shellcheck disable=SC2046 # words are meant
	gcc -Wall -Werror -o program program.c -idirafter "$work/root/usr/include/fusebacking" \
		$(pkg-config --cflags --libs libfusebacking) &&
		LD_LIBRARY_PATH=$work/root/usr/lib ./program
}

# asm/ is found with gcc-multilib only, which others do without
gcc32='gcc -m32 -idirafter /usr/include/x86_64-linux-gnu'

has_32_bits()
{
	echo 'int main(void) { return 0; }' >"$work/32.c"
	$gcc32 -o "$work/32" "$work/32.c" && "$work/32"
}

tests_of_32_bits()
{
	make -C "$lib" O="$work/32bits" CC="$gcc32" WITHOUT_SCRIPTS=1 test
}

check symbols symbols
check soname soname
check cplusplus cplusplus
check without_libfuse without_libfuse
if ! is_sanitized; then
	check first_headers first_headers
	check installed installed
	if has_32_bits 2>/dev/null; then
		check tests_of_32_bits tests_of_32_bits
	else
		echo "a compiler for 32 bits isn't there: nothing is tested for them"
	fi
fi
exit $status
