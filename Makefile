# `make demo` and `make test` are all a new machine needs: each sets up what is missing first.
#   make demo      forecast the bundled phantom movie, write demo-output/, open napari if there is a display
#   make test      run all tests
#   make lint      ruff, mypy, import-linter, npe2
#   make docs      build the documentation into docs/_build/html
#   make bench     run the benchmarks and write benchmarks/results/, but for those that train for an hour or more
#   make kernels   compile the native kernels again and say what is active
#   make clean     remove the environment and everything that was built
# VENV=DIR uses another virtual environment; EDITABLE= installs a built wheel instead of a link to src/.

PYTHON   ?= python3
VENV     ?= .venv
EDITABLE ?= -e
BIN      := $(VENV)/bin
PIP      := $(BIN)/python -m pip install --disable-pip-version-check -q

NATIVE   := $(wildcard CMakeLists.txt) $(shell find cmake src/napari_cellsim/_cuda -type f ! -name '*.py' ! -name '*.pyc' 2>/dev/null)
# A linked package needs a new build only when native code changes; a wheel when anything in it does.
SOURCES  := pyproject.toml constraints.txt $(NATIVE) \
            $(if $(strip $(EDITABLE)),,$(shell find src -type f ! -name '*.pyc'))

# what scripts and examples of the gallery import from each other
SCRIPTPATH := src:scripts:benchmarks:benchmarks/forecast_quality:docs/gallery
# they need a folder of their own; docs/explanation says how to call them
LONG_BENCHMARKS := benchmarks/forecast_training.py benchmarks/gan_quality.py benchmarks/specimens.py benchmarks/specimens_transfer.py

.PHONY: demo test lint docs bench kernels setup clean system
.DEFAULT_GOAL := demo

setup: $(VENV)/.test.stamp

system:
	@PYTHON=$(PYTHON) sh scripts/system_packages.sh

demo: system setup
	$(BIN)/napari-cellsim demo --out demo-output $(DEMO_ARGS)

test: system setup
	@if [ "$$(uname)" != Linux ] || [ -n "$$DISPLAY" ] || command -v xvfb-run >/dev/null; then \
		sh scripts/with_display.sh $(BIN)/python -m pytest $(TEST_ARGS); \
	else \
		echo "There is no screen and no xvfb-run to make one: the tests in tests/gui and tests/e2e are left out."; \
		$(BIN)/python -m pytest --ignore=tests/gui --ignore=tests/e2e $(TEST_ARGS); \
	fi

lint: setup $(VENV)/.lint.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check --exclude '*.md' .
	MYPYPATH=src $(BIN)/mypy
	MYPYPATH=$(SCRIPTPATH) $(BIN)/mypy --follow-imports=silent --exclude gpu_kernels scripts docs/gallery
	PYTHONPATH=src $(BIN)/lint-imports
	$(BIN)/npe2 validate --imports src/napari_cellsim/napari.yaml

docs: setup $(VENV)/.docs.stamp
	rm -rf docs/reference/api  # pages of names that are gone
	$(BIN)/python -m sphinx -W --keep-going -q -b html docs docs/_build/html
	@echo "Open docs/_build/html/index.html"

bench: setup
	@set -e; for file in $(filter-out benchmarks/_% $(LONG_BENCHMARKS),$(wildcard benchmarks/*.py)); do \
		echo "== $$file"; sh scripts/with_display.sh $(BIN)/python $$file; done

kernels: setup
	CELLSIM_REQUIRE_KERNELS=1 $(PIP) --no-deps --force-reinstall $(EDITABLE) .
	$(BIN)/napari-cellsim doctor

$(VENV)/.torch.stamp: constraints.txt | system
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.11")'
	[ -x $(BIN)/python ] || $(PYTHON) -m venv $(VENV)
	$(PIP) --upgrade 'pip>=25.1'
	$(PIP) -c constraints.txt torch || $(PIP) 'torch>=2.8'
	grep -v '^torch==' constraints.txt > $(VENV)/constraints.txt
	touch $@

$(VENV)/.test.stamp: $(VENV)/.torch.stamp $(SOURCES)
	$(PIP) -c $(VENV)/constraints.txt --group test $(EDITABLE) .
	touch $@

$(VENV)/.lint.stamp $(VENV)/.docs.stamp: $(VENV)/.%.stamp: $(VENV)/.torch.stamp pyproject.toml
	$(PIP) -c $(VENV)/constraints.txt --group $*
	touch $@

clean:
	rm -rf .venv build dist docs/_build docs/reference/api demo-output
