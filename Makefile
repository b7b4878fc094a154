# SPDX-License-Identifier: GPL-2.0
# Thin: each target is a script, which also says what its variables mean.

# CMD reaches the guest as it was written, dollars included
override CMD := $(value CMD)
# a variable that was exported has a value: not after that
PREFIX ?= /usr/local
export CMD SHARE TIMEOUT VARIANT KERNEL MEM CPUS DISKS DISK APPEND ICOUNT LEAKS
export IMAGE LOG ACCEL MIRROR CACHE TESTS DEBUG QUICK BOOTS GUESTS RESUME ROUNDS SEED REPORT DESTDIR PREFIX
export IMPORT CHECK FROM ONLY FLAVOUR CONFIG LINUX RESET SHELL_ SNAPSHOT
ifneq ($(DEBUG),)
override VARIANT := debug
endif

help:
	@sed -n 's/^#: //p' Makefile

#: make run       the main job, in a guest, start to end
#: make test      what every change must pass, what rests on the kernel's version
#:                with each; TESTS=pattern for some, DEBUG=1 for all under KASAN & co.
#: make test-all  everything there is, on each kernel, for hours; RESUME=1 what
#:                didn't pass yet
#: make powercut guests killed while they write; ROUNDS=1, SEED= of a failure
#: make bench     against Debian's kernel, in instructions; QUICK=1 for a look
#: make bench-container  what programs cost on a rootless container's root
#: make peers     libfuse's tests, fsx and fsstress, on Debian's kernel and ours
#: make coverage  lines of our kernel files that the tests run, as a table
#: make check     checkpatch, sparse, W=1, kernel-doc, shellcheck, build variants;
#:                ONLY=checkpatch for some
#: make export    patches for git am on the newest kernel's source, in build/export;
#:                CHECK=1 tries each (style, compile: a part of it), FROM=1/05 from
#:                there on; IMPORT=DIR:BASE..END..END brings another split from git
#: make vm        CMD='...' run in a fresh guest; SHARE=DIR at /share, TIMEOUT=120
#: make shell     a prompt in a fresh guest; Ctrl-D ends it
#: make kernel    build the guest's kernel: VARIANT=base|debug|race|gcov|module|nopt|
#:                btf|btf-module|pristine
#: make image     build the guest's root image
#: make tools     build lsfusebacking for this machine, in build/tools/lsfusebacking
#: make install   the same, and install it: DESTDIR= PREFIX=/usr/local
#: make deb       Debian packages in build/deb: deb-tools and deb-overlayfs in minutes,
#:                deb-kernel in half an hour or hours; FLAVOUR=machine|cloud-amd64|amd64
#:                or CONFIG=/boot/config-... says which kernel
#: make machine   an ordinary Debian 13 with these: CMD='...' runs as alice, SHELL_=1 is
#:                a prompt, RESET=1 installs anew; LINUX=debian boots Debian's kernel,
#:                LINUX=guest that of the tests
#: make test-deb test-machine   install, remove and purge the packages; a server in a
#:                unit of alice's in the machine; both are a part of test-all
#: make clean     remove build/: all that was made in this clone; the next build
#:                takes the newest kernel source that there is
#: make cacheclean remove what all clones share: objects, sources, images
#:
#: KERNEL=VERSION of kernels.conf is another kernel than the default, for all of them;
#: check, test and test-all then leave out the others.
#: Variables of vm, shell, test: VARIANT IMAGE MEM CPUS DISKS DISK APPEND ICOUNT,
#: described in vm/run. make turns any failure into its own exit status 2;
#: after `make kernel image`, CMD='...' vm/run exits with the command's own.

run:
	@vm/demo

test:
	@scripts/test

test-all:
	@scripts/test-all

bench:
	@scripts/bench

bench-container:
	@scripts/bench-container

powercut:
	@scripts/test-powercut

peers:
	@scripts/peers

coverage:
	@scripts/coverage

check:
	@scripts/check

export:
	@scripts/export

vm:
	@scripts/prepare && scripts/tools && vm/run

shell:
	@scripts/prepare && scripts/tools && SHELL_=1 vm/run

kernel image:
	@scripts/prepare

tools:
	@scripts/tools

install:
	@scripts/tools install

deb:
	@scripts/deb

deb-tools deb-overlayfs deb-kernel test-deb machine test-machine:
	@scripts/$@

clean:
	rm -rf build

cacheclean:
	@scripts/cache clean

.PHONY: help run test test-all powercut bench bench-container peers coverage check export \
	vm shell kernel image tools install deb deb-tools deb-overlayfs deb-kernel test-deb \
	machine test-machine clean cacheclean
.NOTPARALLEL:
