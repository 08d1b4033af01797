# Set-up is `make demo` and `make test`; everything else is listed by `make help`.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

.DEFAULT_GOAL := help
.PHONY: help install install-dev demo check format test bench bench-cache bench-decode bench-export \
        bench-index bench-matching bench-options bench-profile bench-soak load evaluate faults fuzz schema \
        gpu-check gpu-check-by gpu-wheels clean

help:  ## List the targets.
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

install: $(VENV)/.cpu  ## Install what serving on a CPU needs into .venv.

install-dev: $(VENV)/.dev  ## Install what training, export, tests and checks need besides.

$(VENV)/bin/python:
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.cpu: pyproject.toml constraints.txt | $(VENV)/bin/python
	@echo "installing into $(VENV) ..." >&2
	@$(PIP) --editable '.[cpu]'
	@touch $@

$(VENV)/.dev: pyproject.toml constraints.txt | $(VENV)/bin/python
	@echo "installing into $(VENV) ..." >&2
	@$(PIP) --editable '.[cpu,export,train,load,dev]'
	@touch $@ $(VENV)/.cpu

demo: install  ## Render a demo shop, index it and serve it (DEMO_ONCE=1: one search, then exit).
	$(BIN)/vitrine demo --products 600 --data-dir data/demo $(if $(DEMO_ONCE),--once)

check: install-dev  ## Lint, format, types and import contracts.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: install-dev  ## Apply the formatter and the fixable lint rules.
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

test: install-dev  ## Run the tests, a file at a time on each of at most four cores.
	$(BIN)/python -m pytest -m "not gpu" --numprocesses auto --maxprocesses 4 --dist loadfile

bench: install-dev $(VENV)/.bench  ## Measure against the raw limits: ONLY=serving, SHORT=1, KEEP=DIR, PLOT=FILE.png.
	@$(BIN)/python -m bench $(if $(ONLY),--only $(ONLY)) $(if $(SHORT),--short) $(if $(KEEP),--keep $(KEEP)) \
	  $(if $(PLOT),--plot $(PLOT))

bench-profile: install-dev $(VENV)/.bench  ## Draw where the service's time goes: MODEL=vit AT_ONCE=8 OUT=flame.svg.
	@$(BIN)/python -m bench.profile $(or $(OUT),build/flame.svg) $(if $(MODEL),--model $(MODEL)) \
	  $(if $(AT_ONCE),--at-once $(AT_ONCE)) $(if $(KEEP),--keep $(KEEP))

bench-export: install-dev  ## Measure export and its variants; OPENVINO=PYTHON of an environment with OpenVINO.
	@$(BIN)/python -m bench.export $(if $(OPENVINO),--openvino-python $(OPENVINO))

$(VENV)/.bench: pyproject.toml constraints.txt | install-dev
	@$(PIP) --editable '.[bench]' || echo "usearch or py-spy cannot be had here, and is left out" >&2
	@$(PIP) --editable '.[peers]' || echo "litserve cannot be had here, and is left out" >&2
	@touch $@

bench-index: install-dev $(VENV)/.bench  ## Measure indexes of ROWS="20000 ..."; LIKE=DATA_DIR, PLOT=FILE.png.
	@$(BIN)/python -m bench.index $(if $(ROWS),--rows $(ROWS)) $(if $(LIKE),--like $(LIKE)) \
	  $(if $(PLOT),--plot $(PLOT))
	@$(BIN)/python -m bench.reindex_unchanged
	@$(BIN)/python -m bench.swap

bench-options: install-dev  ## Measure what filters, facets, diversity and the like cost at 100,000 products.
	@$(BIN)/python -m bench.options

bench-decode: install-dev  ## Measure decoding by kind of picture against Pillow's full decode + resize.
	@$(BIN)/python -m bench.decode

faults: install-dev  ## Kill the service and its commands ROUNDS=200 times while products are written.
	VITRINE_FAULT_ROUNDS=$(or $(ROUNDS),200) VITRINE_TEST_KILLS=20 $(BIN)/python -m pytest -s tests/faults

bench-matching: install-dev  ## Measure match, category=auto and words on the real photos in SOURCES=DIR.
	@$(BIN)/python -m bench.matching $(SOURCES)

load: install-dev  ## Load a server it starts: SHAPE=steady|ramp|spike|soak, or OPEN=1; reports in loadtests/reports.
	$(BIN)/python -m $(if $(OPEN),loadtests.open,loadtests.run $(if $(SHAPE),--shape $(SHAPE))) $(ARGS)

bench-cache: install-dev  ## Kept answers against an endpoint that does nothing, and a herd.
	@$(BIN)/python -m bench.cache

bench-soak: install-dev  ## Mixed traffic for SECONDS=600: whether memory grows, and every answer is right.
	@$(BIN)/python -m bench.soak --seconds $(or $(SECONDS),600)

evaluate: install  ## Measure the bundle on the real photos in SOURCES=DIR.
	$(BIN)/vitrine evaluate training/tasks.toml --sources $(SOURCES)

$(VENV)/.fuzz: pyproject.toml constraints.txt $(VENV)/.cpu
	@$(PIP) --editable '.[cpu,fuzz]'
	@touch $@

fuzz: $(VENV)/.fuzz  ## Fuzz the decoder of pictures for SECONDS=60 with atheris; findings go to build/fuzz.
	@mkdir -p build/fuzz
	$(BIN)/python tests/fuzz/decode_pictures.py --seconds $(or $(SECONDS),60) --findings build/fuzz

schema: install-dev  ## Hold a running service to its OpenAPI with schemathesis: CASES=5000 or more.
	PYTHONPATH=.:tests $(BIN)/python -m support.schema_check --cases $(or $(CASES),5000)

# An environment of its own: runtimes' wheels overwrite each other. Without torch, which brings a CUDA too.
GPU_VENV ?= .venv-gpu
GPU_PIP := $(GPU_VENV)/bin/python -m pip --quiet --disable-pip-version-check
OFFLINE = $(if $(WHEELS),--no-index --find-links $(WHEELS))
$(GPU_VENV)/.pip:
	@$(PYTHON) -m venv $(GPU_VENV)
	@$(GPU_PIP) install --upgrade $(OFFLINE) 'pip>=24.1'
	@touch $@

$(GPU_VENV)/.gpu: pyproject.toml constraints.txt | $(GPU_VENV)/.pip
	@echo "installing into $(GPU_VENV) ..." >&2
	@$(GPU_PIP) install $(OFFLINE) --constraint constraints.txt --editable '.[gpu]' pytest
	@touch $@

gpu-wheels: OFFLINE :=
gpu-wheels: $(GPU_VENV)/.pip  ## Fetch into WHEELS=DIR what gpu-check installs, for a machine without a network.
	@$(GPU_PIP) download --only-binary :all: --dest $(WHEELS) --constraint constraints.txt \
	  'pip>=24.1' hatchling editables pytest '.[gpu]'

gpu-check:  ## Test and measure what needs an NVIDIA GPU (GPU_BENCH="--rows ...", WHEELS=DIR); say so without one.
	@if nvidia-smi -L >/dev/null 2>&1; then \
	  REQUIRE_GPU=1 $(MAKE) --no-print-directory $(GPU_VENV)/.gpu gpu-check-by \
	    PYTHON_BY=$(GPU_VENV)/bin/python GPU_BENCH="--require $(GPU_BENCH)"; \
	else \
	  echo "gpu-check: there is no NVIDIA GPU here (nvidia-smi lists none): nothing is run on one" >&2; \
	  $(MAKE) --no-print-directory install-dev gpu-check-by PYTHON_BY=$(BIN)/python; \
	fi

# Each part in a process of its own, since an error of CUDA's lasts as long, and with a limit in seconds.
GPU_LIMIT ?= 150
GPU_SHORT := --rounds 3 --seconds 2 --rows 200000 --kinds hnsw ivf
gpu-check-by:
	@failed=0; part() { \
	  echo "gpu-check: $$*" >&2; began=$$(date +%s); \
	  timeout --kill-after 5 $(GPU_LIMIT) $(PYTHON_BY) -m "$$@" || failed=1; \
	  echo "gpu-check: that took $$(($$(date +%s) - began)) s" >&2; \
	}; \
	part pytest -q -s --tb short -m gpu tests/gpu/test_encoder_on_cuda.py >&2; \
	part bench.gpu --only encoder $(GPU_SHORT) $(GPU_BENCH); \
	part pytest -q -s --tb short -m gpu tests/gpu/test_index_on_gpu.py >&2; \
	part bench.gpu --only index $(GPU_SHORT) $(GPU_BENCH); \
	exit $$failed

clean:  ## Remove the environment and everything generated.
	rm -rf $(VENV) $(GPU_VENV) data build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
