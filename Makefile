# The course's commands. `make help` lists them.
PYTHON ?= $(or $(shell command -v python3 || command -v python),python3)
# what points one Python at another's packages is not for the course's
unexport PYTHONHOME PYTHONPATH PYTHONSTARTUP
ifeq ($(OS),Windows_NT)
BIN := .venv/Scripts
else
BIN := .venv/bin
endif
# JupyterLab asks the superuser, in a container say, to mean it
AS_ROOT := $(if $(filter 0,$(shell id -u 2>/dev/null)),--allow-root)
export TF_CPP_MIN_LOG_LEVEL := 3
export JUPYTER_PREFER_ENV_PATH := 1
OLDEST = $(shell sed -n 's/^requires-python = ">=\(.*\),.*/\1/p' pyproject.toml)
LOCK = $(BIN)/uv pip compile --universal --python-version $(OLDEST) --fork-strategy fewest --generate-hashes \
	--no-emit-index-url --no-emit-find-links --no-header --no-annotate --quiet $(UPGRADE)

.PHONY: help lab fresh test quick notebooks homework release formgrader lint browser bench versions lock gpu env grading dev

help:  ## list the commands
	@awk -F ':.*## *' '/^[a-z]+:.*##/ {printf "%-12s%s\n", $$1, $$2}' Makefile

lab: env  ## open the lessons, your copies in work/, in JupyterLab
	$(BIN)/python tools/workspace.py

fresh: env  ## start a lesson afresh (LESSON=03), and keep the old one beside it
	$(BIN)/python tools/workspace.py fresh $(LESSON)

test: grading  ## run every test and every notebook
	$(BIN)/python -m pytest --nbval tests notebooks

quick: dev grading  ## prove in two minutes what a change needs: style, unit tests, its notebooks
	$(BIN)/python -m tools.quick

notebooks: env  ## run every notebook (or FILES=...) and store its outputs
	$(BIN)/python tools/run_notebooks.py $(FILES)

homework: grading  ## prove every assignment, its tests and its grading (Linux, bubblewrap)
	$(BIN)/python -m pytest -m "homework and not browser" tests

release: grading  ## make the students' versions, in homework/release
	$(BIN)/python -m grader release

formgrader: grading  ## look at graded homework, and mark by hand, in the browser
	cd homework && PATH="$(CURDIR)/$(BIN):$$PATH" python -m notebook $(AS_ROOT) --JupyterNotebookApp.default_url=/formgrader

lint: dev  ## check style of code and notebooks, the workflows, and that every lock installs
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.github-actions .github/actions/*/action.yml
	$(BIN)/python -m pytest -m network tests/test_locks.py

browser: dev grading  ## drive JupyterLab in a real browser (needs Chromium)
	$(BIN)/python -m pytest -n 0 -m browser tests

bench: dev grading  ## measure ours beside its peers, as ratios
	$(BIN)/python -m benchmarks

versions: dev  ## try the course on other versions (or NAMES=colab), and write them down
	$(BIN)/python tools/versions.py $(NAMES)

lock: dev  ## pin every dependency anew (UPGRADE=--upgrade for the newest)
	$(LOCK) requirements.in -o requirements.txt
	$(LOCK) requirements/grading.in -o requirements/grading.txt
	$(LOCK) requirements/dev.in -o requirements/dev.txt
	$(LOCK) requirements/gpu.in -o requirements/gpu.txt

gpu:  ## install TensorFlow with CUDA (Linux with an NVIDIA GPU)
	$(PYTHON) install.py --gpu

env:
	@$(PYTHON) install.py

grading:
	@$(PYTHON) install.py --grading

dev:
	@$(PYTHON) install.py --dev
