# TRustOs. `make help` lists the targets, docs/build.md explains the layout.

CC     := $(if $(filter default,$(origin CC)),gcc,$(CC))
BUILD  ?= release
FUZZ_SECONDS ?= 5

# What `make run` boots, and how (tools/run.sh says more)
MEM ?= 256
CPUS ?= 1
NODES ?= 1
NIC ?= virtio
MACHINE ?= pc
BOOT ?=
CONSOLE ?= 2323
AGENT ?= 2324
TRACE ?= 2325
DISK ?=
QEMU_EXTRA ?=
# Real machines: a file of machines and their boot lines and the TFTP server's address (boot/netboot.sh), the stick to write
MACHINES ?=
SERVER ?=
DEV ?=
export MEM CPUS NODES NIC MACHINE BOOT CONSOLE AGENT TRACE DISK QEMU_EXTRA MACHINES

ifeq ($(filter $(BUILD),release debug),)
$(error BUILD=$(BUILD) is not known: say BUILD=release or BUILD=debug)
endif

MAKEFLAGS += --no-builtin-rules --no-builtin-variables -j$(shell nproc)
.DELETE_ON_ERROR:
.SECONDEXPANSION:

OBJ := build/obj-$(notdir $(firstword $(CC)))-$(BUILD)

# ---- What there is to build: every folder says it in its build.mk --------------------------------------------------------------

SERVICES      :=
TEST_SERVICES :=
HOST_TOOLS    :=
UNIT_TESTS    :=
FUZZERS       :=
include third_party/build.mk $(filter-out third_party/build.mk,$(wildcard */build.mk drivers/*/build.mk rconsole/*/build.mk tools/*/build.mk tests/*/build.mk tests/*/*/build.mk))

LIBRARIES := $(filter-out musl,$(THIRD_PARTY))
PROGRAMS  := $(sort $(SERVICES) $(TEST_SERVICES))
SHIPPED   := $(filter init,$(SERVICES)) $(filter-out init $(TEST_SERVICES),$(sort $(SERVICES)))
ADDED     := $(filter-out $(SHIPPED),$(PROGRAMS))

# ---- Flags ---------------------------------------------------------------------------------------------------------------------

OPTIMIZE  := $(if $(filter debug,$(BUILD)),-Og -DTRUSTOS_DEBUG=1,-O2)
WARNINGS  := -Wall -Wextra -Werror
COMMON    := -std=c17 -g $(OPTIMIZE) $(WARNINGS) -mgeneral-regs-only -fno-pic -fno-pie -fno-stack-protector -fno-omit-frame-pointer \
             -fno-strict-aliasing -fno-asynchronous-unwind-tables -fno-common -nostdinc -Iinclude -I.
CC_HEADERS = $(shell $(CC) -print-file-name=include)
LIBGCC     = $(shell gcc -print-libgcc-file-name)

# (_LIBC_LIMITS_H_: gcc's own <limits.h> then looks for no libc's)
KERNEL_FLAGS = $(COMMON) -ffreestanding -mcmodel=kernel -mno-red-zone -DTRUSTOS_KERNEL=1 -D_LIBC_LIMITS_H_ -isystem $(CC_HEADERS)
USER_FLAGS   = $(COMMON) -ffunction-sections -fdata-sections -DTRUSTOS_USER=1 -D_GNU_SOURCE -isystem build/musl/include -isystem $(CC_HEADERS)
HOST_FLAGS   = -std=gnu17 -g -O1 $(WARNINGS) -fno-omit-frame-pointer -DTRUSTOS_HOST=1 -D_GNU_SOURCE -Iinclude -I.
NASM_FLAGS   = -f elf64 -g -F dwarf -Werror -I./ -Iinclude/
SANITIZE     = -fsanitize=address,undefined -fno-sanitize-recover=all
LINK         = ld -nostdlib -static -z max-page-size=4096 -z noexecstack --build-id=none
USER_LINK    = $(LINK) -T lib/user.ld -u _start --gc-sections
KERNEL_LINK  = $(LINK) -T kernel/kernel.ld

# An object of the target is $(OBJ)/<unit>/<source>.o, where a unit is the kernel, lib, a third-party library or a program.
unit     = $(firstword $(subst /, ,$1))
source   = $(patsubst $(call unit,$1)/%,%,$1)
objects  = $(patsubst %,$(OBJ)/$1/%.o,$($1_SRCS))
# The flags of unit $1; and of source $2 in it, which may be another's
flags    = $(if $(filter kernel,$1),$(KERNEL_FLAGS),$(USER_FLAGS)) $($1_CFLAGS) \
           $(foreach l,$(filter $(LIBRARIES),$1) $($1_LIBS),$($l_INCLUDES))
foreign  = $(if $(filter build/third_party/%,$2),-w $($(word 3,$(subst /, ,$2))_CFLAGS))
compile.c   = $(CC) $(strip $(call flags,$1) $(call foreign,$1,$2)) -MD -MP -c $2 -o $3
# NASM 2.16 leaves included files out of what -MD writes, so they are listed in a run of their own.
compile.asm = nasm $(NASM_FLAGS) -M -MP -MT $3 $2 >$(3:.o=.d) && nasm $(NASM_FLAGS) -o $3 $2

kernel_SRCS += $(foreach l,$(kernel_LIBS),$($l_SRCS))
UNITS       := kernel lib $(LIBRARIES) $(PROGRAMS)
OBJECTS     := $(foreach u,$(UNITS),$(call objects,$u))

# write,text: sets the target's text, and leaves its time alone when it is that already
write  = @mkdir -p $(@D); printf '%s\n' '$(subst ','\'',$1)' >$@.$$$$; $(settle)
settle = cmp -s $@.$$$$ $@ && rm $@.$$$$ || mv $@.$$$$ $@
say   = @printf '  %-8s %s\n' '$1' '$2'
Q     = $(if $(V),,@)

.PHONY: all
all: build/kernel.elf build/services.tar build/trustos.iso tools ## kernel, services, the bootable ISO and the host's tools (BUILD=release|debug, CC=gcc|clang, V=1 shows commands)

# ---- Packages and sources ------------------------------------------------------------------------------------------------------

SETUP := build/setup-run
build/setup-%: tools/packages.txt tools/setup.sh
	@mkdir -p build
	@tools/setup.sh $*
	@touch $@
build/setup-test: | build/setup-run
build/setup-bench: | build/setup-test

.PHONY: setup fetch
setup: build/setup-run build/setup-test ## install the Debian packages that building and testing need (not root: print the line to run)
fetch: $(THIRD_PARTY:%=build/third_party/%.fetched) ## fetch, check and unpack what third_party/sources.lock pins

# One entry of the lock, so that a change to one source does not rebuild the others
$(THIRD_PARTY:%=build/third_party/%.pin): build/third_party/%.pin: third_party/sources.lock
	$(call write,$(shell awk '$$1 == "$*"' third_party/sources.lock))
$(THIRD_PARTY:%=build/third_party/%.fetched): %.fetched: %.pin | $(SETUP)
	@tools/fetch.sh $(notdir $*)
	@touch $@
$(foreach l,$(LIBRARIES),$($l_SRCS)): | build/third_party/$$(word 3,$$(subst /, ,$$@)).fetched ;

build/musl/include/.made: build/third_party/musl.fetched third_party/musl/build.sh
	$(call say,MUSL,headers)
	$(Q)third_party/musl/build.sh headers build/third_party/musl build/musl/include
	@touch $@
$(OBJ)/libc.a: build/musl/include/.made $(OBJ)/libc.flags third_party/musl/trustos.c $(wildcard third_party/musl/arch/*)
	$(call say,MUSL,$@)
	$(Q)third_party/musl/build.sh library build/third_party/musl build/musl/include $(OBJ)/musl $@ $(CC) -g
$(OBJ)/libc.flags: FORCE
	$(call write,$(CC))

# ---- The target: kernel, library, programs -------------------------------------------------------------------------------------

# What the last build was of: what lies in build/ itself is made anew when it changes
build/config: FORCE
	$(call write,CC=$(CC) BUILD=$(BUILD))

$(UNITS:%=$(OBJ)/%.flags): $(OBJ)/%.flags: FORCE | $(SETUP)
	$(call write,$(call compile.c,$*) $(NASM_FLAGS))
$(UNITS:%=$(OBJ)/%.objects): $(OBJ)/%.objects: FORCE
	$(call write,$(call objects,$*) $($*_LIBS))

THIRD_PARTY_SOURCES := $(LIBRARIES:%=build/third_party/%.fetched)
$(OBJECTS): $(OBJ)/%.o: $$(call source,$$*) $(OBJ)/$$(call unit,$$*).flags | build/musl/include/.made $(THIRD_PARTY_SOURCES)
	$(call say,$(if $(filter %.asm,$<),NASM,CC),$<)
	@mkdir -p $(@D)
	$(Q)$(call compile$(suffix $<),$(call unit,$*),$<,$@)

$(OBJ)/kernel.pass1: $(call objects,kernel) $(OBJ)/kernel.objects kernel/kernel.ld
	$(Q)printf 'section .ksyms\nglobal ksym_table, ksym_count, ksym_names\nksym_table:\nksym_count: dd 0\nksym_names:\n' >$@.asm
	$(Q)nasm -f elf64 -o $@.o $@.asm
	$(Q)$(KERNEL_LINK) -o $@ $(call objects,kernel) $@.o
build/kernel.elf: $(OBJ)/kernel.pass1 tools/ksyms.sh build/config
	$(call say,LD,$@)
	$(Q)tools/ksyms.sh $(OBJ)/kernel.pass1 >$(OBJ)/ksyms.asm
	$(Q)nasm -f elf64 -o $(OBJ)/ksyms.o $(OBJ)/ksyms.asm
	$(Q)$(KERNEL_LINK) -o $@ $(call objects,kernel) $(OBJ)/ksyms.o
	$(Q)tools/ksyms.sh --same $(OBJ)/kernel.pass1 $@

LIBRARY_FILES := $(OBJ)/libtrustos.a $(LIBRARIES:%=$(OBJ)/lib%.a)
$(OBJ)/libtrustos.a: $(OBJ)/lib.objects $(call objects,lib)
$(LIBRARIES:%=$(OBJ)/lib%.a): $(OBJ)/lib%.a: $(OBJ)/%.objects $$(call objects,$$*)
$(LIBRARY_FILES):
	$(call say,AR,$@)
	$(Q)rm -f $@ && ar rcsD $@ $(filter %.o,$^)

needs = $(call objects,$1) $(OBJ)/libtrustos.a $(patsubst %,$(OBJ)/lib%.a,$($1_LIBS)) $(OBJ)/libc.a
$(PROGRAMS:%=build/services/%): build/services/%: $$(call needs,$$*) $(OBJ)/%.objects lib/user.ld build/config
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(Q)$(USER_LINK) -o $@ $(call objects,$*) --start-group $(filter %.a,$^) $(LIBGCC) --end-group

$(PROGRAMS:%=build/services/stripped/%): build/services/stripped/%: build/services/%
	@mkdir -p $(@D)
	$(Q)strip -s -o $@ $<

# ustar with `init` first, the same bytes whenever and by whomever it is made
archive = tar --format=ustar --blocking-factor=1 --mtime=@0 --owner=0 --group=0 --numeric-owner --mode=0555 -C build/services/stripped -cf $@ $1
build/services.tar: $(SHIPPED:%=build/services/stripped/%) build/services.list
	$(call say,TAR,$@)
	$(Q)$(call archive,$(SHIPPED))
build/services-test.tar: $(PROGRAMS:%=build/services/stripped/%) build/services.list
	$(call say,TAR,$@)
	$(Q)$(call archive,$(SHIPPED) $(ADDED))
build/services.list: FORCE
	$(call write,$(SHIPPED) + $(ADDED))

# ---- Image and running it -----------------------------------------------------------------------------------------------------

build/grub.cfg: boot/grub.cfg FORCE | $(SETUP)
	@case $$BOOT in *[!A-Za-z0-9_=,.:/+@%^~\ -]*) echo "BOOT='$$BOOT': only letters, digits, spaces and _=,.:/+@%^~- are understood" >&2; exit 2;; esac
	@awk '{ i = index($$0, "@BOOT@"); if (i) $$0 = substr($$0, 1, i - 1) ENVIRON["BOOT"] substr($$0, i + 6); print }' $< >$@.$$$$; $(settle)
build/trustos.iso: boot/iso.sh build/grub.cfg build/kernel.elf build/services.tar
	$(call say,ISO,$@)
	$(Q)$^ $@

# Always made anew: it depends on what BOOT and the file of MACHINES say
.PHONY: build/netboot netboot usb
build/netboot: boot/netboot.sh build/kernel.elf build/services.tar | $(SETUP)
	$(call say,NETBOOT,$@)
	$(Q)boot/netboot.sh build/kernel.elf build/services.tar $@
netboot: build/netboot ## a folder for a TFTP server, and the DHCP lines for it: BOOT="options" MACHINES=file SERVER=address (docs/lab.md)
	@boot/dhcp.sh build/netboot '$(SERVER)'
usb: build/trustos.iso ## write the ISO to a USB stick, after asking: DEV=/dev/sdX
	@tools/usb.sh build/trustos.iso '$(DEV)'

.PHONY: run run-kernel run-check
run: run-check build/trustos.iso ## boot the ISO in QEMU: MEM=256 CPUS=1 NODES=1 NIC=virtio|e1000 MACHINE=pc|q35 BOOT="options"
	@tools/run.sh iso
run-kernel: run-check build/kernel.elf build/services.tar ## the same without GRUB. Both: CONSOLE=2323 AGENT=2324 TRACE=2325 DISK=file QEMU_EXTRA=..
	@tools/run.sh kernel
run-check:
	@tools/run.sh check

# ---- Tools that run on the host ------------------------------------------------------------------------------------------------

# Objects are $(OBJ)/host/<tool>/<source>.o; <tool>_DATA is what its sources take in with .incbin
tool_objects = $(patsubst %,$(OBJ)/host/$1/%.o,$($1_SRCS))
TOOL_OBJECTS := $(foreach t,$(HOST_TOOLS),$(call tool_objects,$t))
tool.c = $(strip $(CC) $(HOST_FLAGS) -O2 $($(call unit,$1)_CFLAGS)) -MD -MP -c $2 -o $3

$(HOST_TOOLS:%=$(OBJ)/host/%.flags): $(OBJ)/host/%.flags: FORCE | $(SETUP)
	$(call write,$(call tool.c,$*) $($*_SRCS) $($*_LIBS))
$(TOOL_OBJECTS): $(OBJ)/host/%.o: $$(call source,$$*) $(OBJ)/host/$$(call unit,$$*).flags $$($$(call unit,$$*)_DATA)
	$(call say,HOSTCC,$<)
	@mkdir -p $(@D)
	$(Q)$(call tool.c,$*,$<,$@)
$(HOST_TOOLS:%=build/%): build/%: $$(call tool_objects,$$*) $(OBJ)/host/%.flags build/config
	$(call say,HOSTLD,$@)
	$(Q)$(CC) -o $@ $(filter %.o,$^) $($*_LIBS)

docs/trace-events.md: build/trace-events
	$(call say,DOC,$@)
	$(Q)build/trace-events >$@
docs/scheduling.svg: tests/system/picture.py build/trustos-trace build/kernel.elf build/services-test.tar
	$(call say,DOC,$@)
	$(Q)tests/system/picture.py $@

.PHONY: tools
tools: $(HOST_TOOLS:%=build/%) ## the host's tools: build/trustos-trace (docs/trace.md)

# ---- Tests and benchmarks, on the host and in QEMU -----------------------------------------------------------------------------

# Host objects are $(OBJ)/unit/<test>/<source>.o, or <home> for tests that share objects and flags by <test>_HOME; a fuzzer's
# are clang's, whatever CC is
home         = $(or $($1_HOME),$1)
unit_objects = $(patsubst %,$(OBJ)/unit/$(call home,$1)/%.o,$($1_SRCS))
fuzz_objects = $(patsubst %,build/obj-clang-fuzz/$1/%.o,$($1_SRCS))
UNIT_HOMES   := $(sort $(foreach t,$(UNIT_TESTS),$($t_HOME)))
UNIT_OBJECTS := $(sort $(foreach t,$(UNIT_TESTS),$(call unit_objects,$t)))
FUZZ_OBJECTS := $(foreach t,$(FUZZERS),$(call fuzz_objects,$t))
sanitize = $(or $($1_SANITIZE),$(SANITIZE))
unit.c = $(strip $(CC) $(HOST_FLAGS) $(call sanitize,$(call unit,$1)) $($(call unit,$1)_CFLAGS)) -MD -MP -c $2 -o $3
fuzz.c = $(strip clang $(HOST_FLAGS) $(SANITIZE) -fsanitize=fuzzer $($(call unit,$1)_CFLAGS)) -MD -MP -c $2 -o $3

$(patsubst %,$(OBJ)/unit/%.flags,$(UNIT_TESTS) $(UNIT_HOMES)): $(OBJ)/unit/%.flags: FORCE
	$(call write,$(call unit.c,$*) $($*_SRCS) $($*_LIBS))
$(FUZZERS:%=build/obj-clang-fuzz/%.flags): build/obj-clang-fuzz/%.flags: FORCE
	$(call write,$(call fuzz.c,$*) $($*_SRCS) $($*_LIBS))
$(UNIT_OBJECTS): $(OBJ)/unit/%.o: $$(call source,$$*) $(OBJ)/unit/$$(call unit,$$*).flags | build/setup-test $(THIRD_PARTY_SOURCES)
	$(call say,HOSTCC,$<)
	@mkdir -p $(@D)
	$(Q)$(call unit.c,$*,$<,$@)
$(FUZZ_OBJECTS): build/obj-clang-fuzz/%.o: $$(call source,$$*) build/obj-clang-fuzz/$$(call unit,$$*).flags | build/setup-test $(THIRD_PARTY_SOURCES)
	$(call say,FUZZCC,$<)
	@mkdir -p $(@D)
	$(Q)$(call fuzz.c,$*,$<,$@)
$(UNIT_TESTS:%=build/unit/%): build/unit/%: $$(call unit_objects,$$*) $(OBJ)/unit/%.flags build/config
	@mkdir -p $(@D)
	$(Q)$(CC) $(call sanitize,$*) -o $@ $(filter %.o,$^) -lcmocka $($*_LIBS)
$(FUZZERS:%=build/fuzz/%): build/fuzz/%: $$(call fuzz_objects,$$*) build/obj-clang-fuzz/%.flags
	@mkdir -p $(@D)
	$(Q)clang $(SANITIZE) -fsanitize=fuzzer -o $@ $(filter %.o,$^) $($*_LIBS)

IMAGES := build/kernel.elf build/services.tar build/services-test.tar build/trustos.iso

.PHONY: unit fuzz model images test torture fuzz-syscalls bench bench-linux check-includes check-format format
images: $(IMAGES)
unit: $(UNIT_TESTS:%=build/unit/%)
fuzz: $(FUZZERS:%=build/fuzz/%)
model: build/setup-test ## search the Spin models exhaustively: revoke against transfer, the ring's sleep, CPUs that sleep, wake and steal
	@tests/model/run
test: build/setup-test unit fuzz images tools ## everything: host tests, models, fuzzers (FUZZ_SECONDS=5 each), include rings, format, the image in QEMU
	@UNIT_TESTS='$(UNIT_TESTS)' FUZZERS='$(FUZZERS)' FUZZ_SECONDS=$(FUZZ_SECONDS) \
		LONG_FUZZERS='$(foreach f,$(FUZZERS),$(if $($f_SECONDS),$f=$($f_SECONDS)))' tools/test.sh
torture: build/setup-test unit fuzz images tools ## the long version of everything that has one, a night and a day: PARTS="models fuzzers system", ONLY=shoot, SEED=...
	@FUZZERS='$(FUZZERS)' tests/torture $(PARTS)
fuzz-syscalls: build/setup-test images ## random system calls in the image: SEED=1 CALLS=100000000
	@SEED='$(SEED)' CALLS='$(or $(CALLS),5000000)' tests/system/run -v -k sysfuzz.random_system_calls_break
bench: build/setup-test images ## measure TRustOs
	@tests/bench/run
bench-linux: build/setup-test build/setup-bench images ## measure TRustOs against Linux in the same QEMU
	@tests/bench/run-linux
check-includes: ## the header rings of docs/build.md
	@tools/check-includes.sh
check-format: ## is every file as .clang-format says? (with clang-format 14)
	@tools/check-format.sh
format: ## make it so
	@tools/check-format.sh --fix

-include $(OBJECTS:.o=.d) $(TOOL_OBJECTS:.o=.d) $(UNIT_OBJECTS:.o=.d) $(FUZZ_OBJECTS:.o=.d)

# ---- Housekeeping --------------------------------------------------------------------------------------------------------------

.PHONY: compile_commands.json clean distclean help FORCE
command = {"directory": "$(CURDIR)", "file": "$2", "command": "$(subst ",\",$(call compile.c,$1,$2,$3))"}
compile_commands.json: ## for editors and clangd
	$(file >build/commands)
	$(foreach u,$(UNITS),$(foreach c,$(filter %.c,$($u_SRCS)),$(file >>build/commands,$(call command,$u,$c,$(OBJ)/$u/$c.o))))
	@sed -e '1d; $$!s/$$/,/' build/commands | { echo '['; cat; echo ']'; } >$@
clean: ## remove what was built, keep what was fetched
	$(Q)find build -mindepth 1 -maxdepth 1 ! -name third_party -exec rm -rf {} + 2>/dev/null || true
distclean: ## remove all of build/
	$(Q)rm -rf build
help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-18s %s\n", $$1, $$2 }' Makefile
FORCE:
