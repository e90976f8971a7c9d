# Everything needs only Rust, a C compiler and make; what else is missing is installed.

PREFIX ?= /usr/local
CARGO ?= cargo
BIN = $(DESTDIR)$(PREFIX)/bin
SHARE = $(DESTDIR)$(PREFIX)/share

# Where cargo builds, whatever its configuration says.
export CARGO_TARGET_DIR := $(or $(CARGO_TARGET_DIR),$(CURDIR)/target)
PROGRAM = $(CARGO_TARGET_DIR)/release/knetstat
COMPLETIONS = $(CARGO_TARGET_DIR)/completions

# As root, or by sudo.
ROOT = $(if $(filter 0,$(shell id -u)),,sudo)

.PHONY: help run build test lint install uninstall completions clean build-tools test-tools

help: ## Say what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: build ## Print this machine's TCP sockets with their options
	$(ROOT) $(PROGRAM) -t

build: build-tools ## Build the program
	$(CARGO) build --release --locked

test: run test-tools ## The same as run, then all tests, as root
	$(CARGO) test --locked $(if $(ROOT),--config 'target."cfg(all())".runner = "sudo -E"')

lint: build-tools ## Formatting, and the warnings of Rust and C, as errors
	$(CARGO) fmt --check
	$(CARGO) clippy --locked --all-targets -- -D warnings
	$(CARGO) rustdoc --locked --lib -- -D warnings

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

clean: ## Remove what was built
	$(CARGO) clean

# What a tool is called, and the package that has it: of Debian, Fedora, Arch and openSUSE.
clang = clang clang clang clang
pkg-config = pkg-config pkgconf-pkg-config pkgconf pkg-config
libelf.h = libelf-dev elfutils-libelf-devel libelf libelf-devel
zlib.h = zlib1g-dev zlib-devel zlib zlib-devel
ip = iproute2 iproute iproute2 iproute2
groff = groff-base groff-base groff groff
setpriv = util-linux util-linux util-linux util-linux
/etc/services = netbase setup iana-etc netcfg

has-tool = $(shell command -v $(1) 2>/dev/null)
hash := \#
has-header = $(shell echo '$(hash)include <$(1)>' | $(CC) -E - >/dev/null 2>&1 && echo yes)
has = $(if $(filter /%,$(1)),$(wildcard $(1)),$(if $(filter %.h,$(1)),$(call has-header,$(1)),$(call has-tool,$(1))))
missing = $(strip $(foreach tool,$(1),$(if $(call has,$(tool)),,$(tool))))
packages = $(foreach tool,$(2),$(word $(1),$($(tool))))

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

test-tools:
	$(call install-if-missing,ip groff setpriv /etc/services)
