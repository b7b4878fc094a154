#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1
# The package for Go: what is generated is what types.go and the header give now, it is
# formatted, go vet has nothing to say, and its tests pass that need no kernel of ours.
# The others are in O/tests/go.test, which library_go.sh runs in the guest. Nothing is
# tested where there is no Go. O is where the library was built.
# shellcheck disable=SC2317,SC2329 # functions are called by check

set -uo pipefail
. "$(dirname "$0")/checks.inc.sh"
package=$(cd "$(dirname "$0")/../go" && pwd)
# Nothing is fetched, nor left elsewhere
export GOCACHE=$O/tests/go-cache GOPROXY=off GOTOOLCHAIN=local GOFLAGS=
export CGO_ENABLED=0

generated()
{
	./generate "$work/zgenerated.go" && diff zgenerated.go "$work/zgenerated.go"
}

formatted()
{
	gofmt -d . >"$work/diff" && ! grep . "$work/diff"
}

# once is enough
[ "${O##*/}" != sanitize ] || exit 0
if ! command -v go >/dev/null; then
	echo "Go isn't there, golang-go in Debian: nothing is tested for it"
	exit 0
fi
check generated generated
check formatted formatted
check vet go vet .
check tests go test .
check for_the_guest go test -c -o "$O/tests/go.test" .
exit $status
