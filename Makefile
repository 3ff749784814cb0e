# The course's commands. `make help` lists them.
PYTHON ?= $(or $(shell command -v python3 || command -v python),python3)
# what points one Python at another's packages, or hides the course's, is not for the course's
unexport PYTHONHOME PYTHONPATH PYTHONPLATLIBDIR PYTHONSAFEPATH PYTHONSTARTUP
ifeq ($(OS),Windows_NT)
BIN := .venv/Scripts
else
BIN := .venv/bin
endif
# JupyterLab wants this of the superuser (in a container, for example)
AS_ROOT := $(if $(filter 0,$(shell id -u 2>/dev/null)),--allow-root)
export TF_CPP_MIN_LOG_LEVEL := 3
export JUPYTER_PREFER_ENV_PATH := 1
OLDEST = $(shell sed -n 's/^requires-python = ">=\(.*\),.*/\1/p' pyproject.toml)
LOCK = $(BIN)/uv pip compile --universal --python-version $(OLDEST) --fork-strategy fewest --generate-hashes \
	--no-emit-index-url --no-emit-find-links --no-header --no-annotate --quiet $(UPGRADE)

.PHONY: help lab fresh progress env gpu release formgrader grading test quick notebooks homework browser lint bench versions lock dev site book slides cards

help:  ## list the commands
	@awk -F ':.*## *' '/^## /{print "\n" substr($$0, 4)} /^[a-z]+:.*##/{printf "  %-12s%s\n", $$1, $$2}' Makefile

## Learn

lab: env  ## open your copies of the lessons (in work/) in JupyterLab
	$(BIN)/python tools/workspace.py

fresh: env  ## start a lesson afresh (LESSON=03) and keep your old copy beside it
	$(BIN)/python tools/workspace.py fresh $(LESSON)

progress: env  ## show what you have done (FILE=... first takes in what the site saved)
	$(BIN)/python tools/workspace.py progress "$(FILE)"

env:  ## install what the lessons need, into .venv
	@$(PYTHON) install.py

gpu:  ## install TensorFlow with CUDA (Linux with an NVIDIA GPU)
	$(PYTHON) install.py --gpu

## Teach

release: grading  ## make the students' version of every assignment, in homework/release
	$(BIN)/python -m grader release

formgrader: grading  ## read graded homework in the browser, and mark by hand
	cd homework && PATH="$(CURDIR)/$(BIN):$$PATH" python -m notebook $(AS_ROOT) --JupyterNotebookApp.default_url=/formgrader

grading:  ## install what grading needs as well
	@$(PYTHON) install.py --grading

## Maintain

test: grading  ## run every test and every notebook
	$(BIN)/python -m pytest --nbval tests notebooks

quick: dev grading  ## check style, unit tests and the notebooks you changed (two minutes, plus theirs)
	$(BIN)/python -m tools.quick

site: dev  ## make the pages of the course, in build/site, and of its translations; nothing is run
	$(BIN)/python tools/site.py

book: dev  ## print the whole course as build/book.pdf (needs Chromium)
	$(BIN)/python tools/book.py

slides: dev  ## make slides of the lessons, in build/site/slides: one idea each
	$(BIN)/python tools/slides.py

cards: dev  ## make a deck of the glossary for Anki, build/cards.apkg
	$(BIN)/python tools/cards.py

notebooks: env  ## run every notebook (or FILES=...) and store its outputs
	$(BIN)/python tools/run_notebooks.py $(FILES)

homework: grading  ## prove every assignment, its tests and its grading (Linux)
	$(BIN)/python -m pytest -m "homework and not browser" tests

browser: dev grading  ## test JupyterLab in a real browser (needs Chromium)
	$(BIN)/python -m pytest -m browser tests

lint: dev  ## check the style of code and notebooks, the workflows and the locks (needs the network)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.github-actions .github/actions/*/action.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows homework/ci/github.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.gitlab-ci homework/ci/gitlab.yml
	$(BIN)/python -m pytest -m network tests/test_locks.py

bench: dev grading  ## time the course's code against other libraries, as ratios
	$(BIN)/python -m benchmarks

versions: dev  ## test the course with other versions (or NAMES=colab) and note the results
	$(BIN)/python tools/versions.py $(NAMES)

lock: dev  ## pin every dependency again (UPGRADE=--upgrade for the newest; needs the network)
	$(LOCK) requirements.in -o requirements.txt
	$(LOCK) requirements/grading.in -o requirements/grading.txt
	$(LOCK) requirements/dev.in -o requirements/dev.txt
	$(LOCK) requirements/gpu.in -o requirements/gpu.txt

dev:  ## install the maintainers' tools as well
	@$(PYTHON) install.py --dev
