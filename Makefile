# Everything needs only Rust, a C compiler and make; what else is missing is installed.

PREFIX ?= /usr/local
CARGO ?= cargo
BIN = $(DESTDIR)$(PREFIX)/bin
SHARE = $(DESTDIR)$(PREFIX)/share

# Where cargo builds, whatever its configuration says.
export CARGO_TARGET_DIR := $(or $(CARGO_TARGET_DIR),$(CURDIR)/target)
PROGRAM = $(CARGO_TARGET_DIR)/release/knetstat
COMPLETIONS = $(CARGO_TARGET_DIR)/completions

# The machine that the static program is for: x86_64, aarch64.
HOST := $(shell uname -m)
ARCH ?= $(HOST)
STATIC_TARGET = $(ARCH)-unknown-linux-gnu
STATIC = $(CARGO_TARGET_DIR)/$(STATIC_TARGET)/release/knetstat
# Its maximum size in bytes.
STATIC_LIMIT = 5000000

# What is packed, and how: the same commit gives the same file.
PACKAGE = $(CARGO_TARGET_DIR)/release/package
DIST = knetstat-$(VERSION)-linux-$(ARCH)
STATIC_DIST = $(CARGO_TARGET_DIR)/dist/$(DIST)
EPOCH = $(or $(SOURCE_DATE_EPOCH),$(shell git log -1 --format=%ct 2>/dev/null),$(shell stat -c %Y CHANGELOG.md))
DEB = $(CARGO_TARGET_DIR)/debian/knetstat_$(VERSION)-1_*.deb
RPM = $(CARGO_TARGET_DIR)/generate-rpm/knetstat-$(VERSION)-1.*.rpm
TOOLS = $(CARGO_TARGET_DIR)/tools
CARGO_DEB = cargo-deb@3.8.0
CARGO_GENERATE_RPM = cargo-generate-rpm@0.21.1
tool = $(TOOLS)/$(1)/bin/$(firstword $(subst @, ,$(1)))
MAINTAINER = $(shell sed -n 's/^maintainer = "\(.*\)"/\1/p' Cargo.toml)
VERSION := $(shell sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml)

# As root, or by sudo.
ROOT = $(if $(filter 0,$(shell id -u)),,sudo)

.PHONY: help run build static test test-kernels test-alone test-aarch64 \
	test-packages bench lint install uninstall completions dist package-files deb rpm clean \
	build-tools static-tools test-tools kernel-tools package-tools

help: ## Say what can be made
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: build ## Print this machine's TCP sockets with their options
	$(ROOT) $(PROGRAM) -t

build: build-tools ## Build the program
	$(CARGO) build --release --locked

static: static-tools ## One file for any Linux of this ARCH, without a shared library
	$(STATIC_SETTINGS) RUSTFLAGS='$(STATIC_FLAGS)' \
		$(CARGO) build --release --locked --target $(STATIC_TARGET) --features static
	@size=$$(stat -c %s $(STATIC)) && echo "$(STATIC): $$size bytes" && \
		{ test $$size -le $(STATIC_LIMIT) || { echo 'more than $(STATIC_LIMIT)' >&2; exit 1; }; }

# What the tests report is kept, and summed up at the end.
TEST_LOG = $(CARGO_TARGET_DIR)/test.log

test: run test-tools ## The same as run, then all tests, as root
	@{ $(CARGO) test --locked --no-fail-fast \
		$(if $(ROOT),--config 'target."cfg(all())".runner = "sudo -E"'); \
		echo $$? > $(TEST_LOG).status; } 2>&1 | tee $(TEST_LOG)
	@tests/summary $(TEST_LOG)
	@exit $$(cat $(TEST_LOG).status)

KERNELS ?= 5.10 6.1 6.12 7.2 7.3

test-kernels: static kernel-tools ## The tests on KERNELS of Debian in virtual machines, and here
	CARGO='$(CARGO)' LIBELF_FLAGS='$(LIBELF_FLAGS)' PROGRAM=$(STATIC) \
		tests/kernels/run $(if $(filter file,$(origin KERNELS)),,$(KERNELS))

test-alone: static kernel-tools ## The static program in virtual machines that hold no other file
	PROGRAM=$(STATIC) tests/kernels/alone $(ARCH) $(KERNELS)

test-aarch64: ## The same with an aarch64 program, on the kernels for that
	$(MAKE) test-alone ARCH=aarch64

test-packages: deb rpm dist package-tools ## What deb, rpm and dist made, with their tools and in a clean Debian
	$(ROOT) tests/packages/run $(DEB) $(RPM) $(STATIC_DIST).tar.gz

bench: build-tools ## What a start costs, beside a bare loader
	$(CARGO) bench --locked --bench start $(if $(ROOT),--config 'target."cfg(all())".runner = "sudo -E"')

lint: build-tools ## Formatting, warnings of Rust and C as errors, the direction of dependencies
	$(CARGO) fmt --check
	$(CARGO) clippy --locked --all-targets -- -D warnings
	$(CARGO) rustdoc --locked --lib -- -D warnings
	tests/layers

completions: build
	mkdir -p $(COMPLETIONS)
	for shell in bash zsh fish; do \
		$(PROGRAM) completions $$shell > $(COMPLETIONS)/knetstat.$$shell || exit 1; \
	done

install: build completions ## Install below PREFIX (/usr/local), itself below DESTDIR
	install -D -m 755 $(PROGRAM) $(BIN)/knetstat
	install -D -m 644 man/knetstat.8 $(SHARE)/man/man8/knetstat.8
	install -D -m 644 $(COMPLETIONS)/knetstat.bash $(SHARE)/bash-completion/completions/knetstat
	install -D -m 644 $(COMPLETIONS)/knetstat.zsh $(SHARE)/zsh/site-functions/_knetstat
	install -D -m 644 $(COMPLETIONS)/knetstat.fish $(SHARE)/fish/vendor_completions.d/knetstat.fish

uninstall: ## Remove what install put there
	rm -f $(BIN)/knetstat $(SHARE)/man/man8/knetstat.8 \
		$(SHARE)/bash-completion/completions/knetstat \
		$(SHARE)/zsh/site-functions/_knetstat \
		$(SHARE)/fish/vendor_completions.d/knetstat.fish

dist: static completions ## The static program with all that belongs to it, in a tar file
	rm -rf $(STATIC_DIST)
	install -D -m 755 $(STATIC) $(STATIC_DIST)/knetstat
	install -D -m 644 -t $(STATIC_DIST) man/knetstat.8 LICENSE README.md CHANGELOG.md
	install -D -m 644 -t $(STATIC_DIST)/completions $(COMPLETIONS)/knetstat.*
	packaging/libraries-used $(STATIC_TARGET) > $(STATIC_DIST)/LIBRARIES
	tar --sort=name --owner=0 --group=0 --numeric-owner --mtime=@$(EPOCH) --mode=go=rX,u+rw,a-s \
		-C $(CARGO_TARGET_DIR)/dist -c $(DIST) | gzip -9n > $(STATIC_DIST).tar.gz
	cd $(CARGO_TARGET_DIR)/dist && sha256sum $(DIST).tar.gz > $(DIST).tar.gz.sha256
	@echo $(STATIC_DIST).tar.gz

# What the packages hold besides the program, as they hold it.
package-files: build completions
	mkdir -p $(PACKAGE)
	cp $(COMPLETIONS)/knetstat.* $(PACKAGE)/
	gzip -9nc man/knetstat.8 > $(PACKAGE)/knetstat.8.gz
	gzip -9nc CHANGELOG.md > $(PACKAGE)/changelog.gz
	{ echo 'knetstat ($(VERSION)-1) unstable; urgency=medium'; echo; \
		echo '  * See changelog.gz.'; echo; \
		echo " -- $(MAINTAINER)  $$(LC_ALL=C date -u -R -d @$(EPOCH))"; } | \
		gzip -9n > $(PACKAGE)/changelog.Debian.gz

deb: package-files $(call tool,$(CARGO_DEB)) ## A package for the Debian that this machine runs
	SOURCE_DATE_EPOCH=$(EPOCH) $(call tool,$(CARGO_DEB)) --no-build --locked

rpm: package-files $(call tool,$(CARGO_GENERATE_RPM)) ## A package for Fedora and its kin
	$(call tool,$(CARGO_GENERATE_RPM)) generate-rpm --source-date $(EPOCH)

# Tools of cargo's in the versions that are known to work, where nothing else sees them.
$(call tool,$(CARGO_DEB)) $(call tool,$(CARGO_GENERATE_RPM)):
	env -u CARGO_TARGET_DIR $(CARGO) install --locked --root $(@:/bin/$(@F)=) \
		$(notdir $(@:/bin/$(@F)=))

clean: ## Remove what was built
	$(CARGO) clean

# What a tool is called, and the package that has it: of Debian, Fedora, Arch and openSUSE.
clang = clang clang clang clang
pkg-config = pkg-config pkgconf-pkg-config pkgconf pkg-config
libelf.h = libelf-dev elfutils-libelf-devel libelf libelf-devel
zlib.h = zlib1g-dev zlib-devel zlib zlib-devel
libelf.a = libelf-dev elfutils-libelf-devel-static libelf libelf-devel-static
libz.a = zlib1g-dev zlib-static zlib zlib-devel-static
libc.a = libc6-dev glibc-static glibc glibc-devel-static
ip = iproute2 iproute iproute2 iproute2
groff = groff-base groff-base groff groff
setpriv = util-linux util-linux util-linux util-linux
strace = strace strace strace strace
zsh = zsh zsh zsh zsh
fish = fish fish fish fish
netstat = net-tools net-tools net-tools net-tools
lsof = lsof lsof lsof lsof
/etc/services = netbase setup iana-etc netcfg
aarch64-linux-gnu-gcc = gcc-aarch64-linux-gnu gcc-aarch64-linux-gnu aarch64-linux-gnu-gcc cross-aarch64-gcc
/usr/aarch64-linux-gnu/lib/libc.a = libc6-dev-arm64-cross - - -
qemu-system-aarch64 = qemu-system-arm qemu-system-aarch64-core qemu-system-aarch64 qemu-arm
qemu-system-x86_64 = qemu-system-x86 qemu-system-x86-core qemu-system-x86 qemu-x86
busybox = busybox-static busybox busybox busybox-static
lintian = lintian lintian lintian lintian
rpm = rpm rpm rpm-tools rpm
debootstrap = debootstrap debootstrap debootstrap debootstrap
cpio = cpio cpio cpio cpio
xz = xz-utils xz xz xz
debian-keyring = /usr/share/keyrings/debian-archive-keyring.gpg
$(debian-keyring) = debian-archive-keyring debian-keyring debian-archive-keyring debian-keyring

has-tool = $(shell command -v $(1) 2>/dev/null)
hash := \#
has-header = $(shell echo '$(hash)include <$(1)>' | $(CC) -E - >/dev/null 2>&1 && echo yes)
# An absolute path where there is such a library, the bare name where there is none.
has-library = $(filter /%,$(shell $(CC) -print-file-name=$(1)))
has = $(if $(filter /%,$(1)),$(wildcard $(1)),$(if $(filter %.h,$(1)),$(call has-header,$(1)),$(if \
	$(filter %.a,$(1)),$(call has-library,$(1)),$(call has-tool,$(1)))))
missing = $(strip $(foreach tool,$(1),$(if $(call has,$(tool)),,$(tool))))
packages = $(foreach tool,$(2),$(word $(1),$($(tool))))

STATIC_FLAGS = -C target-feature=+crt-static
ifeq ($(ARCH),$(HOST))
static-needs = libelf.a libz.a libc.a
STATIC_LIBRARIES = $(dir $(shell $(CC) -print-file-name=libelf.a))
STATIC_SETTINGS = LIBBPF_SYS_LIBRARY_PATH=$(STATIC_LIBRARIES)
# Where libelf.a itself wants libzstd, it gets it.
LIBELF_FLAGS := $(shell grep -qs ZSTD_ $(STATIC_LIBRARIES)/libelf.a && echo -C link-arg=-lzstd)
STATIC_FLAGS += $(LIBELF_FLAGS)
else
# For another machine: its compiler, and Debian's libraries for it.
static-needs = $(ARCH)-linux-gnu-gcc /usr/$(ARCH)-linux-gnu/lib/libc.a $(debian-keyring)
target-name = $(subst -,_,$(STATIC_TARGET))
STATIC_SETTINGS = libraries=$$(packaging/libraries $(ARCH)) && \
	LIBBPF_SYS_LIBRARY_PATH_$(target-name)=$$libraries/usr/lib/$(ARCH)-linux-gnu \
	CFLAGS_$(target-name)="-isystem $$libraries/usr/include -isystem $$libraries/usr/include/$(ARCH)-linux-gnu" \
	CC_$(target-name)=$(ARCH)-linux-gnu-gcc \
	CARGO_TARGET_$(shell echo $(target-name) | tr a-z A-Z)_LINKER=$(ARCH)-linux-gnu-gcc
endif

# Installs the packages of the missing tools with the package manager that is there.
define install-missing
@if command -v apt-get >/dev/null; then \
	$(ROOT) apt-get update -qq && \
	$(ROOT) env DEBIAN_FRONTEND=noninteractive \
		apt-get install -y -qq --no-install-recommends $(call packages,1,$(1)); \
elif command -v dnf >/dev/null; then $(ROOT) dnf install -y $(call packages,2,$(1)); \
elif command -v pacman >/dev/null; then $(ROOT) pacman -S --needed --noconfirm $(call packages,3,$(1)); \
elif command -v zypper >/dev/null; then $(ROOT) zypper --non-interactive install $(call packages,4,$(1)); \
else echo "please install: $(1)" >&2; exit 1; fi
endef

install-if-missing = $(if $(call missing,$(1)),$(call install-missing,$(call missing,$(1))))

build-tools:
	$(call install-if-missing,clang pkg-config libelf.h zlib.h)

static-tools: build-tools
	$(call install-if-missing,$(static-needs))
	@rustc --print target-libdir --target $(STATIC_TARGET) | xargs test -d || \
		rustup target add $(STATIC_TARGET) || \
		{ echo "please install Rust's standard library for $(STATIC_TARGET)" >&2; exit 1; }

test-tools:
	$(call install-if-missing,ip groff setpriv strace zsh fish netstat lsof /etc/services)

kernel-tools: build-tools test-tools
	$(call install-if-missing,qemu-system-$(ARCH) busybox cpio xz $(debian-keyring))

package-tools:
	$(call install-if-missing,lintian rpm debootstrap $(debian-keyring))
