# The targets require only Rust, a C compiler and make. They install other tools that are missing.

PREFIX ?= /usr/local
CARGO ?= cargo
BIN = $(DESTDIR)$(PREFIX)/bin
SHARE = $(DESTDIR)$(PREFIX)/share
BASH_COMPLETIONS = $(SHARE)/bash-completion/completions
ZSH_COMPLETIONS = $(SHARE)/zsh/site-functions
FISH_COMPLETIONS = $(SHARE)/fish/vendor_completions.d

# Where cargo builds, regardless of its own configuration.
export CARGO_TARGET_DIR := $(or $(CARGO_TARGET_DIR),$(CURDIR)/target)
PROGRAM = $(CARGO_TARGET_DIR)/release/knetstat
COMPLETIONS = $(CARGO_TARGET_DIR)/completions

# The machine that the static program is for: x86_64, aarch64.
HOST := $(shell uname -m)
ARCH ?= $(HOST)
STATIC_TARGET = $(ARCH)-unknown-linux-gnu
STATIC = $(CARGO_TARGET_DIR)/$(STATIC_TARGET)/release/knetstat
# Its maximum size in bytes, so that a dependency that doubles it is noticed.
STATIC_LIMIT = 6400000

# The packages. They are reproducible: the same commit produces the same files.
PACKAGE = $(CARGO_TARGET_DIR)/release/package
DIST = knetstat-$(VERSION)-linux-$(ARCH)
STATIC_DIST = $(CARGO_TARGET_DIR)/dist/$(DIST)
EPOCH = $(or $(SOURCE_DATE_EPOCH),$(shell git log -1 --format=%ct 2>/dev/null),$(shell stat -c %Y CHANGELOG.md))
DEB = $(CARGO_TARGET_DIR)/debian/knetstat_$(VERSION)-1_*.deb
RPM = $(CARGO_TARGET_DIR)/generate-rpm/knetstat-$(VERSION)-1.*.rpm
TOOLS = $(CARGO_TARGET_DIR)/tools
CARGO_DEB = cargo-deb@3.8.0
CARGO_GENERATE_RPM = cargo-generate-rpm@0.21.1
DUCKDB = duckdb-cli==1.5.6
tool = $(TOOLS)/$(1)/bin/$(firstword $(subst @, ,$(1)))
MAINTAINER = $(shell sed -n 's/^maintainer = "\(.*\)"/\1/p' Cargo.toml)
VERSION := $(shell sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml)

# Runs a command as root, with sudo if needed.
ROOT = $(if $(filter 0,$(shell id -u)),,sudo)

.PHONY: help run build static test test-kernels test-alone test-aarch64 \
	test-packages bench lint install built uninstall completions picture dist package-files deb rpm \
	clean build-tools static-tools test-tools kernel-tools package-tools picture-tools

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: build ## Build the program and show the TCP sockets of this machine
	$(ROOT) $(PROGRAM) -t

build: build-tools ## Build the program
	$(CARGO) build --release --locked

static: static-tools ## Build a static program for any Linux on ARCH (this machine's, or aarch64)
	$(STATIC_SETTINGS) RUSTFLAGS='$(STATIC_FLAGS)' \
		$(CARGO) build --release --locked --target $(STATIC_TARGET) --features static
	@size=$$(stat -c %s $(STATIC)) && echo "$(STATIC): $$size bytes" && \
		{ test $$size -le $(STATIC_LIMIT) || { echo 'more than $(STATIC_LIMIT)' >&2; exit 1; }; }

# The log of the tests, which the summary at the end is made from.
TEST_LOG = $(CARGO_TARGET_DIR)/test.log

# The tests contain the path of the program that they run.
UNDER_TEST = KNETSTAT_UNDER_TEST=$(PROGRAM)

# The tests are built beside the program, whose last step uses one CPU for a minute. nice(1) gives the program precedence.
# One more test runs than there are CPUs, because tests often wait.
test: build-tools test-tools ## Do what run does, then run all tests as root
	@trap 'kill $$tests' INT TERM; $(UNDER_TEST) nice $(CARGO) test --locked --no-run & tests=$$!; \
		$(CARGO) build --release --locked || { kill $$tests; exit 1; }; wait $$tests
	@$(MAKE) --no-print-directory run
	@{ $(UNDER_TEST) RUST_TEST_THREADS=$${RUST_TEST_THREADS:-$$(($$(nproc) + 1))} $(CARGO) test --locked --no-fail-fast \
		$(if $(ROOT),--config 'target."cfg(all())".runner = "sudo -E"'); \
		echo $$? > $(TEST_LOG).status; } 2>&1 | tee $(TEST_LOG)
	@tests/summary $(TEST_LOG)
	@exit $$(cat $(TEST_LOG).status)

KERNELS ?= 5.10 6.1 6.12 7.2 7.3

test-kernels: static kernel-tools ## Run the tests on Debian's KERNELS in virtual machines, and here
	CARGO='$(CARGO)' LIBELF_FLAGS='$(LIBELF_FLAGS)' PROGRAM=$(STATIC) \
		tests/kernels/run $(if $(filter file,$(origin KERNELS)),,$(KERNELS))

test-alone: static kernel-tools ## Run the static program in virtual machines that contain no other file
	PROGRAM=$(STATIC) tests/kernels/alone $(ARCH) $(KERNELS)

test-aarch64: ## Do what test-alone does, for aarch64
	$(MAKE) test-alone ARCH=aarch64

test-packages: deb rpm dist package-tools ## Check the packages with lintian and rpm, and in a clean Debian
	$(ROOT) tests/packages/run $(DEB) $(RPM) $(STATIC_DIST).tar.gz

# Arguments of the benchmark of tables, such as '--sizes 1000,10000 --rounds 3'.
BENCH =

bench: build-tools test-tools ## Measure the program, compared with a bare loader and other tools
	$(CARGO) bench --locked --bench start --bench table \
		$(if $(ROOT),--config 'target."cfg(all())".runner = "sudo -E"') -- $(BENCH)

lint: build-tools ## Check formatting, compiler warnings and the direction of dependencies
	$(CARGO) fmt --check
	$(CARGO) clippy --locked --all-targets -- -D warnings
	$(CARGO) rustdoc --locked --lib -- -D warnings
	tests/layers

completions: build
	mkdir -p $(COMPLETIONS)
	for shell in bash zsh fish; do \
		$(PROGRAM) completions $$shell > $(COMPLETIONS)/knetstat.$$shell || exit 1; \
	done

# Under sudo, installs the program that the user has built. Root's cargo is often missing or another
# version, and would leave files owned by root in the build directory.
cargo-here = $(if $(SUDO_UID),,$(shell command -v $(CARGO) 2>/dev/null))
install: $(if $(cargo-here),build,built) ## Install below PREFIX (/usr/local)
	install -D -m 755 $(PROGRAM) $(BIN)/knetstat
	install -D -m 644 man/knetstat.8 $(SHARE)/man/man8/knetstat.8
	umask 022 && \
	install -d $(BASH_COMPLETIONS) $(ZSH_COMPLETIONS) $(FISH_COMPLETIONS) && \
	$(PROGRAM) completions bash > $(BASH_COMPLETIONS)/knetstat && \
	$(PROGRAM) completions zsh > $(ZSH_COMPLETIONS)/_knetstat && \
	$(PROGRAM) completions fish > $(FISH_COMPLETIONS)/knetstat.fish

built:
	@test -x $(PROGRAM) || { echo "make install: $(PROGRAM) does not exist\
 (run 'make build' first, as a user who has cargo)" >&2; exit 1; }

uninstall: ## Remove the installed files
	rm -f $(BIN)/knetstat $(SHARE)/man/man8/knetstat.8 $(BASH_COMPLETIONS)/knetstat \
		$(ZSH_COMPLETIONS)/_knetstat $(FISH_COMPLETIONS)/knetstat.fish

picture: build picture-tools ## Draw the picture of the README again
	$(ROOT) docs/picture.py $(PROGRAM) > $(CARGO_TARGET_DIR)/session.svg
	cp $(CARGO_TARGET_DIR)/session.svg docs/session.svg

dist: static completions ## Build a tar file with the static program, its manual page and completions
	rm -rf $(STATIC_DIST)
	install -D -m 755 $(STATIC) $(STATIC_DIST)/knetstat
	install -D -m 644 -t $(STATIC_DIST) man/knetstat.8 LICENSE README.md CHANGELOG.md
	install -D -m 644 -t $(STATIC_DIST)/docs docs/session.svg docs/testing.md docs/fleet.md \
		docs/performance.md
	install -D -m 644 -t $(STATIC_DIST)/completions $(COMPLETIONS)/knetstat.*
	install -D -m 644 -t $(STATIC_DIST)/systemd packaging/knetstat-pins.service packaging/knetstat.sysusers.conf
	packaging/libraries-used $(STATIC_TARGET) > $(STATIC_DIST)/LIBRARIES
	tar --sort=name --owner=0 --group=0 --numeric-owner --mtime=@$(EPOCH) --mode=go=rX,u+rw,a-s \
		-C $(CARGO_TARGET_DIR)/dist -c $(DIST) | gzip -9n > $(STATIC_DIST).tar.gz
	cd $(CARGO_TARGET_DIR)/dist && sha256sum $(DIST).tar.gz > $(DIST).tar.gz.sha256
	@echo $(STATIC_DIST).tar.gz

# The files of the packages besides the program.
package-files: build completions
	mkdir -p $(PACKAGE)
	cp $(COMPLETIONS)/knetstat.* $(PACKAGE)/
	gzip -9nc man/knetstat.8 > $(PACKAGE)/knetstat.8.gz
	gzip -9nc CHANGELOG.md > $(PACKAGE)/changelog.gz
	{ echo 'knetstat ($(VERSION)-1) unstable; urgency=medium'; echo; \
		echo '  * See changelog.gz.'; echo; \
		echo " -- $(MAINTAINER)  $$(LC_ALL=C date -u -R -d @$(EPOCH))"; } | \
		gzip -9n > $(PACKAGE)/changelog.Debian.gz

deb: package-files $(call tool,$(CARGO_DEB)) ## Build a package for the Debian release of this machine
	SOURCE_DATE_EPOCH=$(EPOCH) $(call tool,$(CARGO_DEB)) --no-build --locked

rpm: package-files $(call tool,$(CARGO_GENERATE_RPM)) ## Build a package for Fedora and related distributions
	$(call tool,$(CARGO_GENERATE_RPM)) generate-rpm --source-date $(EPOCH)

# Cargo tools in versions that are known to work, installed only below the build directory.
$(call tool,$(CARGO_DEB)) $(call tool,$(CARGO_GENERATE_RPM)):
	env -u CARGO_TARGET_DIR $(CARGO) install --locked --root $(@:/bin/$(@F)=) \
		$(notdir $(@:/bin/$(@F)=))

clean: ## Remove everything that was built
	$(CARGO) clean

# A tool, and its package in Debian, Fedora, Arch and openSUSE.
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
setcap = libcap2-bin libcap libcap libcap-progs
unshare = util-linux util-linux util-linux util-linux
python3 = python3 python3 python python3
strace = strace strace strace strace
jsonschema = python3-jsonschema python3-jsonschema python-jsonschema python3-jsonschema
pytest = python3-pytest python3-pytest python-pytest python3-pytest
go = golang-go golang go go
node = nodejs nodejs nodejs nodejs
zsh = zsh zsh zsh zsh
fish = fish fish fish fish
netstat = net-tools net-tools net-tools net-tools
lsof = lsof lsof lsof lsof
jq = jq jq jq jq
pip3 = python3-pip python3-pip python-pip python3-pip
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
prometheus-client = /usr/lib/python3/dist-packages/prometheus_client
$(prometheus-client) = python3-prometheus-client python3-prometheus_client python-prometheus_client python3-prometheus-client
duckdb = $(TOOLS)/duckdb/duckdb_cli/duckdb
debian-keyring = /usr/share/keyrings/debian-archive-keyring.gpg
$(debian-keyring) = debian-archive-keyring debian-keyring debian-archive-keyring debian-keyring

has-tool = $(shell command -v $(1) 2>/dev/null)
hash := \#
has-header = $(shell echo '$(hash)include <$(1)>' | $(CC) -E - >/dev/null 2>&1 && echo yes)
# An absolute path if the library exists, otherwise the bare name.
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
# Links libzstd where libelf.a requires it.
LIBELF_FLAGS := $(shell grep -qs ZSTD_ $(STATIC_LIBRARIES)/libelf.a && echo -C link-arg=-lzstd)
STATIC_FLAGS += $(LIBELF_FLAGS)
else
# For another architecture: a cross compiler, and Debian's libraries.
static-needs = $(ARCH)-linux-gnu-gcc /usr/$(ARCH)-linux-gnu/lib/libc.a $(debian-keyring)
target-name = $(subst -,_,$(STATIC_TARGET))
STATIC_SETTINGS = libraries=$$(packaging/libraries $(ARCH)) && \
	LIBBPF_SYS_LIBRARY_PATH_$(target-name)=$$libraries/usr/lib/$(ARCH)-linux-gnu \
	CFLAGS_$(target-name)="-isystem $$libraries/usr/include -isystem $$libraries/usr/include/$(ARCH)-linux-gnu" \
	CC_$(target-name)=$(ARCH)-linux-gnu-gcc \
	CARGO_TARGET_$(shell echo $(target-name) | tr a-z A-Z)_LINKER=$(ARCH)-linux-gnu-gcc
endif

# Installs the packages of missing tools with the package manager of this machine.
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

test-tools: $(duckdb)
	$(call install-if-missing,ip groff setcap setpriv strace jsonschema pytest go node zsh fish netstat lsof jq /etc/services $(prometheus-client))

# No distribution has DuckDB. The package of Python contains the program (21 MB), and is installed only below the build
# directory.
$(duckdb):
	$(call install-if-missing,pip3)
	pip3 install --quiet --root-user-action=ignore --no-deps --target $(TOOLS)/duckdb $(DUCKDB)

kernel-tools: build-tools test-tools
	$(call install-if-missing,qemu-system-$(ARCH) busybox cpio xz $(debian-keyring))

picture-tools:
	$(call install-if-missing,ip unshare python3)

package-tools:
	$(call install-if-missing,lintian rpm debootstrap $(debian-keyring))
