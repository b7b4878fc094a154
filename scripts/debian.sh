# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2154 # top, build, cache: lib.sh
# Sourced after lib.sh: roots of Debian 13, whatever this machine runs, to build or to
# try packages in. No root is needed where user namespaces are allowed.

debian_suite=trixie
# shellcheck disable=SC2034 # for the scripts that source this
debian_packages=(mmdebstrap uidmap debian-archive-keyring)

debian_proxy()
{
	local proxy=

	eval "$(apt-config shell proxy Acquire::http::Proxy)"
	[ -z "$proxy" ] || printf 'Acquire::http::Proxy "%s";' "$proxy"
}

# bootstrap TAR PACKAGE...: a root with these, minimal without debian_variant
bootstrap()
{
	local tar=$1 mirror proxy
	shift

	mirror=$("$top/scripts/mirror")
	proxy=$(debian_proxy)
	# On disk: /tmp may be a small tmpfs, and the home directory may be
	# closed to the user ids of an unprivileged namespace
	TMPDIR=/var/tmp mmdebstrap --variant="${debian_variant:-minbase}" --format=tar \
		${1:+--include="$*"} ${proxy:+--aptopt="$proxy"} \
		--skip=cleanup/apt/lists \
		"$debian_suite" - "deb $mirror $debian_suite main" >"$tar.new"
	mv "$tar.new" "$tar"
}

# debian_root NAME PACKAGE...: in $root_tar, a root with these, made once for a list
debian_root()
{
	local name=$1 id
	shift

	id=$(printf '%s\n' "$debian_suite" "${debian_variant:-}" "$@" | sha256sum | cut -c 1-16)
	root_tar=$cache/guest/debian-$name-$id.tar
	mkdir -p "$cache/guest"
	lock "debian-$name" "$cache"
	[ -f "$root_tar" ] ||
		long "Debian $debian_suite, $name" "$build/log/debian-$name.log" \
			bootstrap "$root_tar" "$@"
	touch "$root_tar"
	unlock
	"$top/scripts/cache" trim
}

# in_debian HOOK...: unpack $root_tar and run the hooks as mmdebstrap does, with the
# root's directory as $1; then it is removed
in_debian()
{
	local hook hooks=()

	for hook in "$@"; do
		hooks+=("--customize-hook=$hook")
	done
	TMPDIR=/var/tmp mmdebstrap --quiet --variant=custom --skip=update,cleanup \
		--format=null --setup-hook="tar-in $root_tar /" "${hooks[@]}" \
		"$debian_suite" /dev/null
}
