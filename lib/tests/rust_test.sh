#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1
# The ioctls for Rust: what is generated is what the package for Go has now, it is formatted,
# compiles without a warning, and its tests pass, on the made-up /dev/fuse. Nothing is tested
# where there is no rustc, nor formatted without rustfmt, nor built by cargo without that.
# O is where the library was built.
# shellcheck disable=SC2317,SC2329 # functions are called by check

set -uo pipefail
. "$(dirname "$0")/checks.inc.sh"
package=$(cd "$(dirname "$0")/../rust" && pwd)

generated()
{
	./generate "$work/zgenerated.rs" && diff zgenerated.rs "$work/zgenerated.rs"
}

compiled()
{
	rustc --edition 2021 -D warnings --crate-type rlib --out-dir "$work" fusebacking.rs
}

tested()
{
	rustc --edition 2021 -D warnings --test -o "$O/tests/rust_test" \
		-C link-arg="$O/tests/device.o" fusebacking.rs && "$O/tests/rust_test"
}

# Nothing is fetched, nor left in the source
built_by_cargo()
{
	cp Cargo.toml ./*.rs "$work/" &&
		cargo build --offline --manifest-path "$work/Cargo.toml"
}

# once is enough
[ "${O##*/}" != sanitize ] || exit 0
if ! command -v rustc >/dev/null; then
	echo "Rust isn't there, rustc in Debian: nothing is tested for it"
	exit 0
fi
check generated generated
check compiled compiled
check tests tested
! command -v rustfmt >/dev/null ||
	check formatted rustfmt --edition 2021 --check fusebacking.rs zgenerated.rs
! command -v cargo >/dev/null || check cargo built_by_cargo
exit $status
