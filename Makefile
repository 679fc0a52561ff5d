# The learner's verbs. Each is `python -m shared.course VERB NAME=value ...`, which also works without make.
PY ?= $(firstword $(wildcard .venv/bin/python .venv/Scripts/python.exe) python3)
COURSE = @$(PY) -m shared.course $@ $(filter-out PY=%,$(MAKEOVERRIDES))

.DEFAULT_GOAL := help
.PHONY: help setup tour serve test lint progress doctor stubs watch reset skip bench-check gpu-check

help setup tour serve test lint progress doctor stubs watch reset skip bench-check gpu-check:
	$(COURSE)

phase%-test phase%-hint phase%-solution phase%-gate phase%-bench phase%-look phase%-launch phase%-load phase%-mistakes:
	$(COURSE)
