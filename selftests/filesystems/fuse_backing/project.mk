# SPDX-License-Identifier: GPL-2.0
# What the project calls: the Makefile here, and what is of no use in a kernel's source:
# scripts that run commands and examples of the project, and what these and scripts/ need
# besides.
#
#	make -f project.mk OUTPUT=/abs/dir top_srcdir=/path/to/linux

USERCFLAGS += -Werror
BPF_CFLAGS += -Werror
# scripts/selftests builds modules, for each kernel that they are loaded into
override TEST_GEN_MODS_DIR :=
include Makefile

HELPERS := map_many records
INCLUDES := $(wildcard *.inc.sh)
SCRIPTS := $(filter-out $(INCLUDES),$(wildcard *.sh))

helpers := $(HELPERS:%=$(OUTPUT)/helpers/%)
scripts := $(SCRIPTS:%=$(OUTPUT)/%)
includes := $(INCLUDES:%=$(OUTPUT)/%)
EXTRA_CLEAN += $(OUTPUT)/helpers $(scripts) $(includes)

all: $(helpers) $(scripts) $(includes)

$(helpers): $(OUTPUT)/helpers/%: $(OUTPUT)/obj/%.o $(objects)
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)

examples := ../../../tools/examples/filter
$(OUTPUT)/filters.sh $(OUTPUT)/filter_module.sh: | $(OUTPUT)/helpers/filter/fuse-filter

$(OUTPUT)/helpers/filter/fuse-filter: $(wildcard $(examples)/*) $(libbpf)
	$(MAKE) -C $(examples) O=$(OUTPUT)/helpers/filter CC="$(CC)" CLANG=$(CLANG) \
		LIBBPF_CFLAGS=-I$(OUTPUT)/obj/libbpf/include \
		LIBBPF_LIBS="$(libbpf) $(LIBELF)"

# What they source, and what that runs
$(scripts): $(OUTPUT)/passthrough_hp.inc.sh $(OUTPUT)/users.inc.sh
$(OUTPUT)/lsfusebacking.sh $(OUTPUT)/bpftrace.sh: $(OUTPUT)/map_many.inc.sh
$(OUTPUT)/bpftrace.sh $(OUTPUT)/filters.sh: $(OUTPUT)/bpftrace.inc.sh
$(OUTPUT)/filters.sh $(OUTPUT)/filter_module.sh: $(OUTPUT)/filter.inc.sh
$(OUTPUT)/module.sh $(OUTPUT)/filter_module.sh: $(OUTPUT)/module.inc.sh
$(OUTPUT)/module.sh: | $(addprefix $(OUTPUT)/,visibility_test ids_test lifetime_test)
$(OUTPUT)/filter_module.sh: | $(FILTERS:%=$(OUTPUT)/%)
$(OUTPUT)/map_many.inc.sh: | $(OUTPUT)/helpers/map_many

$(scripts): $(OUTPUT)/%: %
	@mkdir -p $(@D)
	install -m 755 $< $@

$(includes): $(OUTPUT)/%: %
	@mkdir -p $(@D)
	install -m 644 $< $@
