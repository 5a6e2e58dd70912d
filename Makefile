# Two commands matter: `make demo` shows the main job, `make test` runs every test. Both set up what they need in
# .tools and target, and nothing anywhere else.

TOOLS  := $(CURDIR)/.tools
PYTHON ?= python3

# The functions' build comes first on the path: cargo-lambda and the linker that it uses.
export PATH := $(TOOLS)/lambda/bin:$(TOOLS)/aws/bin:$(PATH)
export SYNCLINE_TOOLS := $(TOOLS)
export SAM_CLI_TELEMETRY := 0
export AWS_DEFAULT_REGION ?= us-east-1
export CARGO_TERM_COLOR ?= auto

# The functions of the demo and the tests are the same code, built in a fraction of the time: what is deployed to an account
# by `sam build` is optimised as Cargo.toml says.
export CARGO_PROFILE_RELEASE_LTO := off
export CARGO_PROFILE_RELEASE_CODEGEN_UNITS := 16
export CARGO_PROFILE_RELEASE_OPT_LEVEL := 0

# The functions that are measured are built as an account gets them.
AS_FOR_AN_ACCOUNT := env -u CARGO_PROFILE_RELEASE_LTO -u CARGO_PROFILE_RELEASE_CODEGEN_UNITS -u CARGO_PROFILE_RELEASE_OPT_LEVEL

# Tests wait more than they compute.
export RUST_TEST_THREADS ?= 4

SOURCES := $(shell find crates/core crates/aws functions -name '*.rs' -o -name '*.pem' -o -name Cargo.toml) Cargo.toml Cargo.lock rust-toolchain.toml

.PHONY: help
help: ## Say what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-17s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: setup
setup: $(TOOLS)/emulator/.installed $(TOOLS)/aws/.installed $(TOOLS)/lambda/.installed ## Install the pinned tools into .tools

# Each set of tools has an environment of its own, made anew when its pins change.
$(TOOLS)/%/.installed: tools/%.txt
	@echo "installing $* tools into .tools/$*"
	@rm -rf $(TOOLS)/$*
	@$(PYTHON) -m venv $(TOOLS)/$*
	@$(TOOLS)/$*/bin/pip install --quiet --disable-pip-version-check --requirement $<
	@touch $@

.PHONY: build
build: .aws-sam/build/template.yaml ## Build the functions for Lambda

.aws-sam/build/template.yaml: $(SOURCES) infra/template.yaml samconfig.toml $(wildcard statemachine/*.json) $(TOOLS)/aws/.installed $(TOOLS)/lambda/.installed
	sam build
	@touch $@

.PHONY: demo
demo: setup build ## Set everything up and show a push being deployed
	@cargo build --quiet --package syncline --package syncline-local
	@tools/demo.sh

.PHONY: down
down: ## Stop the local AWS of the demo and forget its state
	@cargo run --quiet --package syncline-local -- down --state-dir .local
	@rm -rf .local

.PHONY: lint
lint: setup ## Check the formatting, the code and the template
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --quiet -- -D warnings
	cfn-lint infra/template.yaml infra/target/*.yaml
	sam validate --lint

.PHONY: test
test: setup lint build ## Run every test, end to end included
	cargo test --workspace

.PHONY: recording
recording: setup build ## Record a deployment by hand as text into docs/recording.md
	@cargo build --quiet --package syncline
	cargo test --quiet --package syncline-tests -- --ignored recording

.PHONY: soak
soak: setup build ## Run the long tests of load and bad luck, which end by themselves
	cargo test --package syncline-core --test walk_model -- --ignored --nocapture soak
	cargo test --package syncline-tests -- --ignored --nocapture soak

.PHONY: bench
bench: bench-reading bench-startup bench-deployments ## Measure everything into bench/RESULTS.md, in over an hour

.PHONY: bench-reading
bench-reading: $(TOOLS)/bench/.installed ## Measure reading, planning and rendering
	$(AS_FOR_AN_ACCOUNT) cargo bench --package syncline-bench -- --warm-up-time 1 --measurement-time 3
	$(TOOLS)/bench/bin/python bench/results.py

.PHONY: bench-startup
bench-startup: .aws-sam/bench/template.yaml $(TOOLS)/peers/.installed ## Measure how functions start, and their packages
	@$(AS_FOR_AN_ACCOUNT) cargo build --quiet --release --package bare
	$(TOOLS)/peers/bin/python bench/startup/run.py

# What is measured of deployments: `make bench-deployments PARTS="graphs --size 30 --only push"`.
PARTS ?=

.PHONY: bench-deployments
bench-deployments: setup .aws-sam/bench/template.yaml $(TOOLS)/peers/.installed $(TOOLS)/peers-node/.installed ## Measure deployments beside other tools
	@cargo build --quiet --package syncline-local
	@env -u CARGO_PROFILE_RELEASE_OPT_LEVEL cargo build --quiet --release --package syncline
	@failed=0; $(TOOLS)/peers/bin/python bench/deployments/run.py $(PARTS) || failed=1; \
	$(TOOLS)/peers/bin/python bench/deployments/report.py && exit $$failed

.aws-sam/bench/template.yaml: $(SOURCES) infra/template.yaml samconfig.toml $(wildcard statemachine/*.json) $(TOOLS)/aws/.installed $(TOOLS)/lambda/.installed
	$(AS_FOR_AN_ACCOUNT) sam build --build-dir .aws-sam/bench
	@touch $@

# The tools of the npm registry, with the Node.js that is among those of PyPI.
$(TOOLS)/peers-node/.installed: tools/peers-node/package.json tools/peers-node/package-lock.json $(TOOLS)/peers/.installed
	@echo "installing tools of the npm registry into .tools/peers-node"
	@rm -rf $(TOOLS)/peers-node
	@cp -R tools/peers-node $(TOOLS)/peers-node
	@cd $(TOOLS)/peers-node && PATH=$(TOOLS)/peers/bin:$$PATH npm ci --no-audit --no-fund --silent
	@touch $@

# What one fuzz target is tried with: `make fuzz TARGET=manifest SECONDS=600`.
TARGET  ?= manifest
SECONDS ?= 60

.PHONY: fuzz
fuzz: $(TOOLS)/fuzz/bin/cargo-fuzz ## Look for files that break a reader: TARGET=manifest|spec|schema|render|addons SECONDS=60
	@tools/fuzz.sh $(TARGET) $(SECONDS)

$(TOOLS)/fuzz/bin/cargo-fuzz:
	cargo install --quiet --locked --root $(TOOLS)/fuzz cargo-fuzz@0.13.2

.PHONY: clean
clean: down ## Remove what was built and installed
	rm -rf target .aws-sam $(TOOLS)
