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

# Options of mmdebstrap's for the next root
debian_options=()

# The next root is without what only people read
leave_out_documents()
{
	local folder

	for folder in doc info locale man; do
		debian_options+=("--dpkgopt=path-exclude=/usr/share/$folder/*")
	done
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
		--skip=cleanup/apt/lists "${debian_options[@]}" \
		"$debian_suite" - "deb $mirror $debian_suite main" >"$tar.new"
	mv "$tar.new" "$tar"
}

# debian_root NAME PACKAGE...: in $root_tar, a root with these, made once for a list
debian_root()
{
	local name=$1 id
	shift

	id=$(printf '%s\n' "$debian_suite" "${debian_variant:-}" "${debian_options[@]}" "$@" |
		sha256sum | cut -c 1-16)
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

# special COMMAND WORD...: a hook that mmdebstrap runs itself: it has words as shells do
special()
{
	printf '%s\n' "$@" | sed "s/[[:blank:]\"'\\]/\\\\&/g" | paste -sd ' '
}

# pack_for_root DIRECTORY NAME...: a tar of it, on stdout. A clone has the modes that its
# user's umask left: everybody may read there what that user may.
pack_for_root()
{
	tar -C "$1" --owner=0 --group=0 --mode='go=u-w' -c "${@:2}"
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
		--format=null --setup-hook="$(special tar-in "$root_tar" /)" "${hooks[@]}" \
		"$debian_suite" /dev/null
}

# build_in_debian FOLDER [PACKAGE-FILE...]: unpack $root_tar, install these packages, and
# have dpkg-buildpackage make packages of the source in FOLDER, which are put beside it;
# lintian's errors fail it
build_in_debian()
{
	local source=$1 name=${1##*/} hooks=() deb
	shift

	# shellcheck disable=SC2016 # expanded by the hook's shell
	hooks+=('mkdir -p "$1/build/needed"' "$(special copy-in "$source" /build)")
	for deb in "$@"; do
		hooks+=("$(special copy-in "$deb" /build/needed)")
	done
	# shellcheck disable=SC2016
	[ $# -eq 0 ] || hooks+=('chroot "$1" sh -c "dpkg -i /build/needed/*.deb"')
	hooks+=("chroot \"\$1\" sh -ec '
		cd /build/$name
		DEB_BUILD_OPTIONS=noautodbgsym dpkg-buildpackage -us -uc -b
		lintian --fail-on error --tag-display-limit 0 ../*.changes'")
	# whoever runs the hooks may have no right to write here
	# shellcheck disable=SC2016
	hooks+=('cd "$1/build" && tar -c *.deb *.buildinfo *.changes >&3')
	in_debian "${hooks[@]}" 3>"$source.tar"
	tar -C "${source%/*}" -xf "$source.tar"
	rm "$source.tar"
}

# In $root_tar, a root with what our packages are built with, but for what they have
debian_build_root()
{
	local needed

	mapfile -t needed < <(cat "$top"/packaging/debian/control \
		"$top"/packaging/*/debian/control |
		sed -n '/^Build-Depends:/,/^[^ ]*: /{s/^ \([a-z0-9.+-]*\).*/\1/p}' |
		grep -v '^libfusebacking' | sort -u)
	debian_root build build-essential lintian "${needed[@]}"
}

# Later for each commit, so that apt upgrades from one to the next
commits()
{
	git -C "$top" rev-list --count HEAD 2>/dev/null || echo 0
}
