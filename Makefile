# The pipeline as targets: pictures → data set → run → metrics, grid, GIF. `make help` lists them.
# A target repeats only the stages whose inputs or flags changed, and prints the commands it runs.

SHELL := /bin/bash
.DELETE_ON_ERROR:
.SUFFIXES:
.DEFAULT_GOAL := help
MAKEFLAGS += --no-builtin-rules

CARGO ?= cargo
# 1 builds for NVIDIA GPUs as well (docs/CUDA.md), 0 does not. By itself 1 where `nvidia-smi` answers.
CUDA ?= $(shell nvidia-smi -L > /dev/null 2>&1 && echo 1)
FEATURES = $(if $(filter-out 0,$(CUDA)),--features cuda)
BIN := target/release
# Everything that the targets below make, but for the programs.
WORK ?= work

# What is made from what. `make birds` and `make demo` set these; so may you.
NAME ?= birds
DATA ?=
SIZE ?= 64
PREP_FLAGS ?=
TRAIN_FLAGS ?=
EVALUATE_FLAGS ?=

DIR := $(WORK)/$(NAME)
DATASET := $(DIR)/data
RUN := $(DIR)/run

.PHONY: help
help: ## list the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

.PHONY: build
build: ## build the four programs into target/release (CUDA=1: for NVIDIA GPUs, too; by itself where there is one)
	$(if $(FEATURES),@CARGO='$(CARGO)' tools/cuda-ready.sh || { echo 'make: without CUDA it builds as it is: make CUDA=0' >&2; exit 1; })
	$(CARGO) build --release --workspace $(FEATURES)

.PHONY: cuda
cuda: ## build for NVIDIA GPUs: says what is missing, builds, lists the devices
	@$(MAKE) --no-print-directory build CUDA=1
	$(BIN)/train devices

# ---- installing --------------------------------------------------------------------------------------------------------

# Where programs, completions and man pages go; DESTDIR is put in front, for packages.
PREFIX ?= /usr/local
DESTDIR ?=
INTO = $(DESTDIR)$(PREFIX)
BASH_COMPLETIONS = $(INTO)/share/bash-completion/completions
ZSH_COMPLETIONS = $(INTO)/share/zsh/site-functions
FISH_COMPLETIONS = $(INTO)/share/fish/vendor_completions.d
MAN_PAGES = $(INTO)/share/man/man1
# `train` and `sample` are everybody's words: installed, each is called fledge-….
PROGRAMS := prep train evaluate sample

.PHONY: install
install: ## install fledge-prep, fledge-train, … with completions and man pages (PREFIX=/usr/local); builds them where they are not built
	@test -x $(BIN)/prep -a -x $(BIN)/train -a -x $(BIN)/evaluate -a -x $(BIN)/sample || $(MAKE) --no-print-directory build
	install -d '$(INTO)/bin' '$(BASH_COMPLETIONS)' '$(ZSH_COMPLETIONS)' '$(FISH_COMPLETIONS)' '$(MAN_PAGES)'
	@set -e; for program in $(PROGRAMS); do \
	    name=fledge-$$program; installed='$(INTO)/bin/'$$name; \
	    install -m 755 $(BIN)/$$program "$$installed"; \
	    "$$installed" completions bash > '$(BASH_COMPLETIONS)/'$$name; \
	    "$$installed" completions zsh > '$(ZSH_COMPLETIONS)/'_$$name; \
	    "$$installed" completions fish > '$(FISH_COMPLETIONS)/'$$name.fish; \
	    "$$installed" man '$(MAN_PAGES)'; \
	    echo "$(PREFIX)/bin/$$name"; \
	done

.PHONY: uninstall
uninstall: ## remove what `make install` with the same PREFIX installed
	@set -e; for program in $(PROGRAMS); do \
	    name=fledge-$$program; \
	    rm -f '$(INTO)/bin/'$$name '$(BASH_COMPLETIONS)/'$$name '$(ZSH_COMPLETIONS)/'_$$name '$(FISH_COMPLETIONS)/'$$name.fish \
	        '$(MAN_PAGES)/'$$name.1 '$(MAN_PAGES)/'$$name-*.1; \
	done

# ---- one's own pictures ------------------------------------------------------------------------------------------------

.PHONY: birds
birds: ## make birds DATA=/path/to/CUB_200_2011: the whole pipeline, 64×64, the recipe as published
	@test -n "$(DATA)" || { echo 'make birds: DATA is missing: make birds DATA=/path/to/CUB_200_2011 (a folder or zip)' >&2; exit 2; }
	$(MAKE) --no-print-directory report NAME=birds DATA='$(DATA)'

# Pairs as pix2pix, CycleGAN and CUT load them.
PAIRS := --format pairs --load-size 286 --crop stretch --resample bicubic

.PHONY: maps
maps: ## make maps DATA=/path/to/maps: pairs of pictures, 256×256, pix2pix as published, translations, their distance from targets
	@test -n "$(DATA)" || { echo 'make maps: DATA is missing: make maps DATA=/path/to/maps (files of two halves, or folders A and B)' >&2; exit 2; }
	$(MAKE) --no-print-directory translations NAME=maps SIZE=256 DATA='$(DATA)' PREP_FLAGS='$(PAIRS) $(PREP_FLAGS)' \
	    TRAIN_FLAGS='--preset pix2pix $(TRAIN_FLAGS)'

.PHONY: translations
translations: $(DIR)/translations.png $(DIR)/pairs.txt ## pairs → data set → run → translations beside targets, and their distance
	@echo
	@echo "translations $(DIR)/translations.png"
	@cat $(DIR)/pairs.txt

.PHONY: dataset train evaluate sample report
dataset: $(DATASET)/dataset.json ## pictures → data set (DATA, SIZE, PREP_FLAGS)
train: $(DIR)/trained ## data set → run (TRAIN_FLAGS)
evaluate: $(DIR)/metrics.txt ## data set + run → KID (EVALUATE_FLAGS)
sample: $(DIR)/grid.png $(DIR)/compare.png $(DIR)/timelapse.gif $(DIR)/walk.gif ## run → grid, beside real pictures, time-lapse, walk
report: sample evaluate ## all of these, ending with the paths and the KID
	@echo
	@echo "grid       $(DIR)/grid.png"
	@echo "comparison $(DIR)/compare.png"
	@echo "time-lapse $(DIR)/timelapse.gif"
	@echo "walk       $(DIR)/walk.gif"
	@cat $(DIR)/metrics.txt

# A file of flags changes only when the flags do, so that new flags repeat a stage and old ones do not.
.PHONY: always
$(DIR)/train.flags $(DIR)/evaluate.flags: always
	@mkdir -p $(@D)
	@printf '%s\n' '$(FLAGS)' | cmp -s - $@ || printf '%s\n' '$(FLAGS)' > $@
$(DIR)/train.flags: FLAGS = $(TRAIN_FLAGS)
$(DIR)/evaluate.flags: FLAGS = $(EVALUATE_FLAGS)

# prep itself finds out whether pictures or settings changed, and leaves an up-to-date data set untouched.
$(DATASET)/dataset.json: always | build
	@test -n "$(DATA)" || { echo 'DATA is missing: make $(MAKECMDGOALS) DATA=/path/to/CUB_200_2011' >&2; exit 2; }
	@mkdir -p $(DIR)
	$(BIN)/prep build '$(DATA)' --out $(DATASET) --size $(SIZE) --force $(PREP_FLAGS)

$(DIR)/trained: $(DATASET)/dataset.json $(DIR)/train.flags | build
	$(BIN)/train --data $(DATASET) --out $(RUN) $(TRAIN_FLAGS)
	@touch $@

$(DIR)/metrics.txt: $(DIR)/trained $(DIR)/evaluate.flags | build
	$(BIN)/evaluate --real $(DATASET) --fake $(RUN) $(EVALUATE_FLAGS) > $@

$(DIR)/pairs.txt: $(DIR)/trained $(DIR)/evaluate.flags | build
	$(BIN)/evaluate pairs --real $(DATASET) --fake $(RUN) $(EVALUATE_FLAGS) > $@

$(DIR)/translations.png: $(DIR)/trained | build
	$(BIN)/sample translate $(RUN) --input $(DATASET) --out $@

$(DIR)/grid.png: $(DIR)/trained | build
	$(BIN)/sample grid $(RUN) --out $@ --seeds 0-63

$(DIR)/compare.png: $(DIR)/trained | build
	$(BIN)/sample compare $(RUN) --data $(DATASET) --out $@

$(DIR)/timelapse.gif: $(DIR)/trained | build
	$(BIN)/sample timelapse $(RUN) --out $@

$(DIR)/walk.gif: $(DIR)/trained | build
	$(BIN)/sample walk $(RUN) --out $@

# ---- the demo: nothing to download ---------------------------------------------------------------------------------------

DEMO_TRAIN := --epochs 60 --set schedule.batch=32 --set generator.width=32 --set discriminator.width=32 --set evaluation.every=0

.PHONY: demo
demo: build ## the whole pipeline on drawn pictures: minutes on two cores, nothing to download
	@mkdir -p $(WORK)/demo
	test -d $(WORK)/demo/drawn || $(BIN)/prep synth --out $(WORK)/demo/drawn -n 2000
	$(MAKE) --no-print-directory report NAME=demo SIZE=32 DATA=$(WORK)/demo/drawn TRAIN_FLAGS='$(DEMO_TRAIN)' \
	    EVALUATE_FLAGS='--protocol keras75-fid --features random'

# ---- for developers --------------------------------------------------------------------------------------------------------

# Where skipped tests add their lines (`testing::skip`), one each.
SKIPPED := $(abspath target/skipped-tests)

# Runs tests and names at the end those that were skipped: $(call tests,FLAGS)
define tests
@mkdir -p $(dir $(SKIPPED)) && rm -f $(SKIPPED)
@echo '$(CARGO) test $(1)'; FLEDGE_SKIPPED=$(SKIPPED) $(CARGO) test $(1); status=$$?; \
if [ -s $(SKIPPED) ]; then echo; echo "$$(sort -u $(SKIPPED) | wc -l) tests were skipped:"; sort -u $(SKIPPED) | sed 's/^/    /'; fi >&2; \
exit $$status
endef

.PHONY: test
test: ## all tests; names at the end those that were skipped
	$(call tests,--workspace)

# What `make test-data` needs: the pictures, and those programs.
TEST_DATA ?= $(or $(FLEDGE_TEST_DATA),../shared/data)

.PHONY: test-data
test-data: $(PEERS)/ready-tests ## all tests, none skipped: needs the pictures (TEST_DATA), Python peers, ffmpeg, Chromium, the right to mount
	@missing=; lacks() { echo "test-data: $$1" >&2; missing=1; }; \
	test -d '$(TEST_DATA)' || lacks 'the pictures are missing: $(TEST_DATA) is no folder (TEST_DATA=FOLDER names another)'; \
	$(PEERS)/bin/python -c 'import onnxruntime, PIL, tensorboard, torch' 2> /dev/null || \
	    lacks 'the Python peers are missing: rm $(PEERS)/ready* && make test-data'; \
	command -v ffmpeg > /dev/null || lacks 'ffmpeg is missing'; \
	for browser in "$$FLEDGE_CHROMIUM" chromium-headless-shell chromium google-chrome chrome-headless-shell none; do \
	    command -v "$$browser" > /dev/null 2>&1 && break; \
	done; test "$$browser" != none || lacks 'Chromium is missing (FLEDGE_CHROMIUM names one)'; \
	folder=$$(mktemp -d); \
	if mount -t tmpfs fledge-test "$$folder" 2> /dev/null; then umount "$$folder"; \
	else lacks 'this user may not mount a file system (mount -t tmpfs)'; fi; rmdir "$$folder"; \
	test -z "$$missing"
	@mkdir -p $(dir $(SKIPPED))
	FLEDGE_NO_SKIP=1 FLEDGE_TEST_DATA='$(abspath $(TEST_DATA))' FLEDGE_PEERS='$(abspath $(PEERS))' $(CARGO) test --workspace

# Test programs, and modules of those that hold all tests of a program.
TORTURE := faults fuzz sample_faults picture_memory
TORTURE_MODULES := kill:: damage:: hostile:: memory:: signals:: soak:: images_interrupted::

.PHONY: torture
torture: ## kills, damage, faults, signals, hostile pictures, a soak in full numbers, properties on new draws: about half an hour on two idle cores
	FLEDGE_TORTURE=1 $(CARGO) test --workspace --lib $(addprefix --test ,$(TORTURE)) -- --nocapture
	FLEDGE_TORTURE=1 $(CARGO) test --workspace --test prep_tests --test train_tests --test sample_tests -- --nocapture $(TORTURE_MODULES)

.PHONY: lint
lint: ## format, circles of files, lints, documentation, fuzz targets, shell scripts where shellcheck is there
	$(CARGO) fmt --check
	python3 tools/test_circles.py --quiet
	python3 tools/circles.py
	@if command -v shellcheck > /dev/null; then shellcheck --severity=warning tools/*.sh; else echo 'shellcheck is missing: tools/*.sh are not looked at' >&2; fi
	$(CARGO) clippy --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS='-D warnings' $(CARGO) doc --workspace --no-deps
	RUSTFLAGS='-D warnings' $(CARGO) check --manifest-path fuzz/Cargo.toml --no-default-features --target-dir target/fuzz

.PHONY: check
check: lint ## lint, and licences, bans and sources of all dependencies (needs cargo-deny)
	@$(CARGO) deny --version > /dev/null 2>&1 || { echo 'cargo-deny is missing: cargo install cargo-deny --locked' >&2; exit 1; }
	$(CARGO) deny check bans licenses sources

# Where `make bench` keeps PyTorch: about 6 GB, set up once.
PEERS ?= $(HOME)/.cache/fledge-bench
BENCH_FLAGS ?=

$(PEERS)/ready:
	python3 -m venv $(PEERS)
	$(PEERS)/bin/pip install --quiet torch==2.15.0 torchvision torch-fidelity==0.4.0
	@touch $@

.PHONY: bench
bench: $(PEERS)/ready ## fledge and PyTorch in turns on this machine: ratios, memory, the table of docs/PERFORMANCE.md
	$(CARGO) build --release --workspace
	python3 tools/bench.py --fledge $(BIN)/train --python $(PEERS)/bin/python --write docs/PERFORMANCE.md $(BENCH_FLAGS)

# What `make gpu-check` compares: the GPU, or CubeCL's CPU runtime, which runs the same code.
CHECK_DEVICE := $(if $(filter-out 0,$(CUDA)),cuda,cubecl-cpu)
CHECK_FEATURES := $(if $(filter-out 0,$(CUDA)),cuda,cuda,cubecl-cpu)
# Whole, that runtime takes hours.
CHECK_FLAGS ?= $(if $(filter cubecl-cpu,$(CHECK_DEVICE)),--small)

.PHONY: gpu-check
gpu-check: ## every operation, network and step of the GPU against the CPU, fused and not; CubeCL on the CPU where there is no GPU
	$(if $(filter cubecl-cpu,$(CHECK_DEVICE)),@echo 'gpu-check: no GPU answers; the same code runs on the CPU instead (cubecl-cpu)' >&2)
	$(CARGO) build --release --workspace --features $(CHECK_FEATURES)
	tools/gpu_check.sh $(BIN)/train --device $(CHECK_DEVICE) $(CHECK_FLAGS)

$(PEERS)/ready-ptx:
	python3 -m venv $(PEERS)
	$(PEERS)/bin/pip install --quiet nvidia-cuda-nvcc==13.5.37 nvidia-nvvm==13.5.37
	@touch $@

PTX_FLAGS ?= --arch 80 90 120 --presets gan-ada dcgan-tf

.PHONY: ptx-check
ptx-check: $(PEERS)/ready-ptx ## without a GPU: every kernel of training past NVIDIA's assembler; launches and waits of a step, counted
	$(CARGO) build --release --workspace --features cuda
	python3 tools/check_ptx.py --train $(BIN)/train --prep $(BIN)/prep --cuda $(PEERS) $(PTX_FLAGS)

# A whole measurement on a GPU, in minutes.
BENCH_GPU_FLAGS ?= --minutes 8

.PHONY: bench-gpu
bench-gpu: $(PEERS)/ready ## fledge and PyTorch in turns on this machine's GPU, and gpu-check: the table of docs/PERFORMANCE.md
	$(CARGO) build --release --workspace --features cuda
	python3 tools/bench_gpu.py --fledge $(BIN)/train --python $(PEERS)/bin/python --write docs/PERFORMANCE.md $(BENCH_GPU_FLAGS)

.PHONY: bench-gpu-kit
bench-gpu-kit: ## the same as one file for a machine with a GPU that builds nothing: $(WORK)/fledge-bench-gpu.tar.xz
	$(CARGO) build --release --workspace --features cuda
	tools/bench_gpu_kit.sh $(BIN)/train $(WORK)/fledge-bench-gpu.tar.xz

# What `make bench-prep` reads: name=folder or name=zip; drawn pictures unless one names real ones.
BENCH_SOURCES ?= drawn=$(WORK)/bench/drawn

$(PEERS)/ready-prep:
	python3 -m venv $(PEERS)
	$(PEERS)/bin/pip install --quiet tensorflow-cpu==2.21.0 pillow==13.0.0
	@touch $@

.PHONY: bench-prep
bench-prep: $(PEERS)/ready-prep ## prep, tf.data and Pillow in turns on the same pictures (BENCH_SOURCES='birds=/path/to/CUB_200_2011')
	$(CARGO) build --release --workspace
	$(if $(findstring $(WORK)/bench/drawn,$(BENCH_SOURCES)),$(BIN)/prep synth --out $(WORK)/bench/drawn -n 3000)
	python3 tools/bench_prep.py --fledge $(BIN)/prep --python $(PEERS)/bin/python --write docs/PERFORMANCE.md $(BENCH_FLAGS) $(BENCH_SOURCES)

$(PEERS)/ready-evaluate: $(PEERS)/ready
	$(PEERS)/bin/pip install --quiet pytorch-fid==0.3.0 clean-fid==0.1.35 prdc==0.2 scikit-learn==1.9.1
	@touch $@

BENCH_EVALUATE_FLAGS ?=

.PHONY: bench-evaluate
bench-evaluate: $(PEERS)/ready-evaluate ## evaluate and the Python libraries in turns: features a second, KID, FID, PRDC at 50,000 × 2048
	$(CARGO) build --release --workspace $(FEATURES)
	python3 tools/bench_evaluate.py --fledge $(BIN)/evaluate --python $(PEERS)/bin/python $(if $(FEATURES),--device cuda) \
	    --write docs/PERFORMANCE.md $(BENCH_EVALUATE_FLAGS)

$(PEERS)/ready-sample: $(PEERS)/ready
	$(PEERS)/bin/pip install --quiet numpy==2.4.6 pillow==13.0.0 safetensors==0.8.0 onnx==1.23.2 onnxruntime==1.32.0
	@touch $@

# Whose generator `make bench-sample` measures and `make check-export` compares: without one, the recipe's own, trained just so long that
# its pictures are not all alike.
BENCH_DRAWN := $(WORK)/bench/sample
BENCH_RUN ?= $(BENCH_DRAWN)/run
# The folder of a run is there long before the run is: a file says when.
BENCH_TRAINED := $(if $(filter $(BENCH_DRAWN)/run,$(BENCH_RUN)),$(BENCH_DRAWN)/trained)
BENCH_SAMPLE_FLAGS ?=

$(BENCH_DRAWN)/trained: | build
	rm -rf $(BENCH_DRAWN)
	$(BIN)/prep synth --out $(BENCH_DRAWN)/drawn -n 200
	$(BIN)/prep build $(BENCH_DRAWN)/drawn --out $(BENCH_DRAWN)/data --size 64
	$(BIN)/train --data $(BENCH_DRAWN)/data --out $(BENCH_DRAWN)/run --device cpu --steps 100 \
	    --set schedule.batch=16 --set schedule.ema=0 --set evaluation.every=0
	@touch $@

.PHONY: bench-sample
bench-sample: $(PEERS)/ready-sample build | $(BENCH_TRAINED) ## sample images and PyTorch's eager forward of the same generator in turns (BENCH_RUN=runs/birds)
	python3 tools/bench_sample.py $(BENCH_RUN) --fledge $(BIN)/sample --train $(BIN)/train --python $(PEERS)/bin/python \
	    --write docs/PERFORMANCE.md $(BENCH_SAMPLE_FLAGS)

.PHONY: check-export
check-export: $(PEERS)/ready-sample build | $(BENCH_TRAINED) ## a run's exported generator in onnxruntime and PyTorch: its own pictures? (BENCH_RUN=runs/birds)
	$(PEERS)/bin/python tools/check_export.py $(BENCH_RUN) --fledge $(BIN)/sample

$(PEERS)/ready-tests: $(PEERS)/ready-sample
	$(PEERS)/bin/pip install --quiet tensorboard==2.21.0
	@touch $@

.PHONY: test-peers
test-peers: $(PEERS)/ready-tests ## all tests, and those that need other programs: Pillow, PyTorch, onnxruntime, TensorBoard (Chromium where it is installed)
	FLEDGE_PEERS='$(abspath $(PEERS))' $(CARGO) test --workspace

# Two sets of PNG and weights for `make check-protocols`.
GENERATED ?=
REAL ?=
WEIGHTS ?=

.PHONY: check-protocols
check-protocols: $(PEERS)/ready-evaluate ## GENERATED=, REAL= (folders or zips of PNG), WEIGHTS=: every protocol beside the library it follows
	@test -n "$(GENERATED)" -a -n "$(REAL)" -a -n "$(WEIGHTS)" || { echo 'check-protocols: GENERATED, REAL and WEIGHTS are needed' >&2; exit 2; }
	$(CARGO) build --release --workspace
	$(PEERS)/bin/python tools/check_protocols.py --fledge $(BIN)/evaluate --weights '$(WEIGHTS)' '$(GENERATED)' '$(REAL)'

.PHONY: clean
clean: ## remove what the pipeline made (not the programs)
	rm -rf $(WORK)
