# Short names for what people run. `make` alone lists them.
VENV = .venv/bin

.DEFAULT_GOAL := help
.PHONY: help setup test test-slow check format wheel zip demo cluster-test bench-dedup bench-crowd bench-sources bench-release bench-export clean

help: ## list these targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

setup: ## make .venv with everything that running and testing need
	@./submit.sh test --version >/dev/null

test: ## all tests but the slow ones
	./submit.sh test

test-slow: ## the tests that take minutes each, those on a cluster among them
	./submit.sh test -m slow

check: setup ## ruff, its format, and mypy strict
	tools/check.sh

format: setup ## let ruff put the code in shape
	$(VENV)/ruff check --fix .
	$(VENV)/ruff format .

wheel: setup ## build dist/*.whl
	$(VENV)/python -m build --wheel

zip: setup ## build/synlake.zip, for --py-files
	$(VENV)/python tools/pack.py code

demo: ## the whole pipeline on a synthetic pool
	./submit.sh demo

cluster-test: ## the pipeline on a standalone master with two workers: same release as in local mode
	./submit.sh test -m cluster

bench-crowd: setup ## Dawid-Skene and majority against crowd-kit, on synthetic votes
	$(VENV)/python -m pip install -q -c constraints.txt -e '.[bench]'
	$(VENV)/python benchmarks/crowd.py --votes 10000000 --rounds 10
	$(VENV)/python benchmarks/crowd.py --votes 1000000,10000000,30000000 --rounds 10 --alone --methods dawid_skene --memory 4g
	$(VENV)/python benchmarks/crowd_accuracy.py $(VOTES)

bench-sources: setup ## downloads against img2dataset; seconds of selection
	$(VENV)/python -m pip install -q --no-deps img2dataset==1.47.0 "webdataset<0.3" fire==0.7.1 exifread-nocycle==3.0.1 fsspec termcolor braceexpand tqdm # what it resizes with is left out
	$(VENV)/python benchmarks/download.py
	$(VENV)/python benchmarks/download.py --failing 0.2
	$(VENV)/python benchmarks/selection.py

bench-release: setup ## freeze, verify and query 1.28M synthetic rows, against Spark copying them
	$(VENV)/python benchmarks/release.py
	$(VENV)/python benchmarks/release_commands.py

bench-export: setup ## WebDataset export of $(IMAGES) against tar
	$(VENV)/python benchmarks/export.py $(IMAGES)

clean: ## remove .venv and all that was built; never a warehouse
	rm -rf methods/*.so udfs/*.so .venv .venv.lock build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis

bench-dedup: setup ## deduplication against FAISS, imagededup and Spark's own read and write; half an hour
	$(VENV)/python -m pip install -q -e '.[bench]' -c constraints.txt
	$(VENV)/python -m pip install -q --no-deps imagededup==0.3.3.post2 # its CNN wants torch; its hashes do not
	$(VENV)/python benchmarks/fingerprints.py $(IMAGES)
	$(VENV)/python benchmarks/dedup_pairs.py --n 1000000
	$(VENV)/python benchmarks/dedup_pairs.py --n 10000 --peer imagededup
	$(VENV)/python benchmarks/dedup_pairs.py --n 1000000 --skew $(IMAGES)
	$(VENV)/python benchmarks/dedup_pairs.py --grow 1000000 4000000 10000000
	$(VENV)/python benchmarks/dedup_synsets.py --n 15000000
	$(VENV)/python benchmarks/dedup_recall.py $(IMAGES) --n-images 300 --plot build/recall.png

IMAGES ?= ../shared/data/images
VOTES ?= ../shared/data/votes/dog ../shared/data/votes/product
