# SPDX-License-Identifier: GPL-2.0
# Included by the Makefile here, and of no use in a kernel's source: scripts that run
# commands and examples of the project, and what these and scripts/ need besides.

HELPERS := map_many records
SCRIPTS := passthrough_hp.sh unprivileged_hp.sh module.sh lsfusebacking.sh \
	   modes.sh servers_page.sh tarfs.sh tutorial.sh library_go.sh \
	   bpftrace.sh branchfs.sh filters.sh
INCLUDES := passthrough_hp.inc.sh users.inc.sh map_many.inc.sh bpftrace.inc.sh

helpers := $(HELPERS:%=$(O)/helpers/%)
scripts := $(SCRIPTS:%=$(O)/%)
includes := $(INCLUDES:%=$(O)/%)
project_files := $(scripts) $(includes)

all: $(helpers) $(scripts) $(includes)

$(helpers): $(O)/helpers/%: $(O)/obj/%.o $(objects)
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)

examples := ../../../tools/examples/filter
$(O)/filters.sh: | $(O)/helpers/filter/fuse-filter

$(O)/helpers/filter/fuse-filter: $(wildcard $(examples)/*) $(libbpf)
	$(MAKE) -C $(examples) O=$(O)/helpers/filter CC="$(CC)" CLANG=$(CLANG) \
		LIBBPF_CFLAGS=-I$(O)/libbpf/include LDFLAGS=-static \
		LIBBPF_LIBS="$(libbpf) $(LIBELF)"

# What they source, and what that runs
$(scripts): $(O)/passthrough_hp.inc.sh $(O)/users.inc.sh
$(O)/lsfusebacking.sh $(O)/bpftrace.sh: $(O)/map_many.inc.sh
$(O)/bpftrace.sh $(O)/filters.sh: $(O)/bpftrace.inc.sh
$(O)/map_many.inc.sh: | $(O)/helpers/map_many

$(scripts): $(O)/%: %
	@mkdir -p $(@D)
	install -m 755 $< $@

$(includes): $(O)/%: %
	@mkdir -p $(@D)
	install -m 644 $< $@

# What there is to run, for who runs it
names:
	@printf '%s\n' $(TESTS) $(SCRIPTS)

.PHONY: names
