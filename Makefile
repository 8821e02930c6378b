# The verbs people and CI share. `make demo` and `make test` need nothing but Python 3.11+ and make.
PYTHON ?= python3
VENV ?= .venv
RUN := $(VENV)/bin
OUT ?= benchmarks/results
BUDGET ?= 300
JOBS ?= 2

# Tests start programs: each would compile the whole of torch's source again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test suite docs test-gpu bench-gpu has-packages fuzz check setup clean

demo: setup ## train the digit classifier once with each of eight optimizers
	$(RUN)/thalweg compare --out demo

test: setup ## everything that must hold
	$(MAKE) --jobs=2 check suite

suite: setup ## the tests
	$(RUN)/pytest -n $(JOBS) --dist worksteal

docs: $(VENV)/ready-for-docs ## the book: build/docs/html/index.html, which needs no network
	$(RUN)/python -m docs.book build/docs

fuzz: setup ## search on at random where `make test` has fixed examples; what is found becomes one
	$(RUN)/python -m tests.state.mutations 20000
	$(RUN)/python -m tests.optimizers.closure.saving.mutations 10000
	$(RUN)/pytest -m fuzz --hypothesis-profile=fuzz

test-gpu: needs = torch triton llvmlite pytest
bench-gpu: needs = torch triton llvmlite

test-gpu: has-packages ## the kernels for GPUs on this machine's GPU, with the torch and Triton that are there: nothing is installed
	THALWEG_TEST_DEVICE=cuda PYTHONPATH=src $(PYTHON) -m pytest -p no:benchmark tests/gpu tests/engine/triton

bench-gpu: has-packages ## measure steps on this machine's GPU, what matters most first: OUT is a folder, BUDGET are seconds
	PYTHONPATH=src:benchmarks $(PYTHON) benchmarks/gpu.py --out $(OUT) --budget $(BUDGET)

has-packages:
	@$(PYTHON) -c 'import sys; from importlib.util import find_spec; \
	missing = ", ".join(name for name in sys.argv[1:] if not find_spec(name)); \
	missing and sys.exit(f"{sys.executable} has no {missing}: set PYTHON to one that has")' $(needs)

check: setup ## format, lint, types
	$(RUN)/ruff format --check .
	$(RUN)/ruff check .
	$(RUN)/mypy

setup: $(VENV)/ready

$(VENV)/ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(RUN)/pip install --quiet --upgrade "pip>=25.1"
	$(RUN)/pip install --quiet --no-compile --constraint constraints.txt --editable ".[tools]" --group dev --group trainers
	$(RUN)/pip install --quiet --no-compile --no-deps --constraint constraints.txt timm # its torchvision breaks others beside a torch for CPUs
	touch $@

$(VENV)/ready-for-docs: $(VENV)/ready
	$(RUN)/pip install --quiet --constraint constraints.txt --group docs
	touch $@

clean:
	rm -rf $(VENV) build demo
