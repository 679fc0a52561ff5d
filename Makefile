# The learner's verbs, each one line over `python -m shared.course`, which also works without make.
PY ?= $(firstword $(wildcard .venv/bin/python .venv/Scripts/python.exe) python3)
COURSE = @$(PY) -m shared.course
EX_ARG = $(if $(EX),--ex $(EX))
PHASE_ARG = $(if $(PHASE),--phase $(PHASE))
HOW = $(if $(IMPL),--impl $(IMPL)) $(if $(STRICT),--strict) $(if $(JSON),--json)

.PHONY: help setup tour test lint progress doctor watch reset skip bench-check gpu-check

help: ## print this list
	@awk 'BEGIN {FS = ":.*## "} /^[a-z%-]+:.*## / {sub("%", "N", $$1); \
		printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## make .venv and install; every other verb does it by itself when needed
	$(COURSE) setup

tour: ## train what is there and write runs/tour/index.html (BLOCKS=mine: with your own answers)
	$(COURSE) tour $(if $(BLOCKS),--blocks $(BLOCKS))

progress: ## how far you are, what is next, what it unlocks
	$(COURSE) progress

phase%-test: ## grade phase N's exercises (EX=0.7: one of them; STRICT=1; JSON=1; IMPL=solution)
	$(COURSE) test --phase $* $(EX_ARG) $(HOW)

phase%-hint: ## the next hint for EX=0.7
	$(COURSE) hint --phase $* $(EX_ARG)

phase%-solution: ## the finished answer of EX=0.7, once yours passes (REVEAL=1: now)
	$(COURSE) solution --phase $* $(EX_ARG) $(if $(REVEAL),--reveal)

phase%-gate: ## pass these few exercises and the phase counts as done
	$(COURSE) gate --phase $*

phase%-bench: ## our code and its peers, timed in turns on this machine
	$(COURSE) bench --phase $*

watch: ## grade what you save, as you save it, in PHASE=0
	$(COURSE) watch $(PHASE_ARG)

reset: ## put the exercise EX=0.7 back as it was and leave the others alone
	$(COURSE) reset $(EX_ARG)

skip: ## mark PHASE=0 as known already
	$(COURSE) skip $(PHASE_ARG)

doctor: ## what this machine is, what it allows, what is wrong and how to mend it
	$(COURSE) doctor

test: ## everything: machinery, solutions, catalogued mistakes
	$(COURSE) test

lint: ## ruff: check and format
	$(COURSE) lint

bench-check: ## the benchmark rows below their goal
	$(COURSE) bench-check

gpu-check: ## every test and benchmark that wants a GPU
	$(COURSE) gpu-check
