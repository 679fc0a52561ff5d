"""The training runs behind Chinchilla, read off a figure, and the laws that two papers drew.

Besiroglu et al. 2024 (arXiv:2404.10102) took 245 points from the vector graphic of figure 4 of
Hoffmann et al. 2022 (arXiv:2203.15556): size, operations and final loss of a run each. Tokens
follow from C = 6 N D. They are looked for in this order: `$COURSE_DATA/chinchilla/`, the copy that
an earlier download left under `runs/data/`, the authors' repository.
"""

import csv
import hashlib
import io
import os
import urllib.request
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from phase2_scaling.solution.law import Law
from shared import data
from shared.data import DataError
from shared.files import write_bytes

FILE = "svg_extracted_data.csv"
REPOSITORY = "https://github.com/epoch-research/analyzing-chinchilla"
SHA256 = "193478df4e90f040016431996c45682659306840ecdadf83cfb9cd5ca0aa1b30"
PATIENCE_S = 10
N_OUTLIERS = 5

# Besiroglu et al. 2024, table 1, with its standard errors; of 240 runs.
BESIROGLU = Law(E=1.8172, A=482.01, B=2085.43, alpha=0.3478, beta=0.3658)
BESIROGLU_ERRORS = {"E": 0.03, "A": 124.58, "B": 1293.23, "alpha": 0.02, "beta": 0.02}

# Hoffmann et al. 2022, section D.3; the same with the digits of their TeX source, as Besiroglu et
# al. quote it. The rounding alone moves what is predicted by two percent.
HOFFMANN = Law(E=1.69, A=406.4, B=410.7, alpha=0.34, beta=0.28)
HOFFMANN_SOURCE = Law(E=1.6934, A=406.4, B=410.7, alpha=0.3392, beta=0.2849)


@dataclass(frozen=True)
class Runs:
    """Finished training runs, one number of each in every array."""

    n_params: np.ndarray
    """(n,) N"""
    flops: np.ndarray
    """(n,) C"""
    loss: np.ndarray
    """(n,) nats per token"""

    @property
    def n_tokens(self) -> np.ndarray:
        """(n,) D = C / 6 N."""
        return self.flops / (6 * self.n_params)

    def without_outliers(self, n: int = N_OUTLIERS) -> "Runs":
        """Leave out the n runs with the highest losses, as Besiroglu et al. do.

        Their five are models of billions of parameters that had hardly begun, on less than half a
        token per parameter, and lie 6 % and more above the law that fits the rest.
        """
        kept = np.sort(np.argsort(self.loss, kind="stable")[: len(self.loss) - n])
        return Runs(self.n_params[kept], self.flops[kept], self.loss[kept])


def load(cache: Path | None = None) -> Runs:
    """Find the runs and print one line saying where they were.

    Args:
        cache: folder for what is downloaded; None is `runs/data/`.

    Raises:
        DataError: they are nowhere, or a file is not the published one.
    """
    folders = [Path(root) / "chinchilla"] if (root := os.environ.get("COURSE_DATA")) else []
    folders.append((data.CACHE if cache is None else cache) / "chinchilla")
    found = next((folder / FILE for folder in folders if (folder / FILE).is_file()), None)
    if found is None:
        found = folders[-1] / FILE
        write_bytes(found, _checked(_download(), REPOSITORY))
    runs = parse(_checked(found.read_bytes(), str(found)).decode())
    print(f"data: {len(runs.loss)} runs of Chinchilla's figure 4 from {found.parent}", flush=True)
    return runs


def parse(text: str) -> Runs:
    """Read the table; the columns are named in its first line."""
    rows = list(csv.DictReader(io.StringIO(text)))
    columns = ("Model Size", "Training FLOP", "loss")
    return Runs(*(np.array([float(row[name]) for row in rows]) for name in columns))


def _checked(content: bytes, place: str) -> bytes:
    """Return the content, if it is the published file's."""
    if hashlib.sha256(content).hexdigest() != SHA256:
        raise DataError(f"{place} has another {FILE} than the published one (its sha256 differs)")
    return content


def _download() -> bytes:
    url = REPOSITORY.replace("github.com", "raw.githubusercontent.com") + f"/main/data/{FILE}"
    try:
        with urllib.request.urlopen(url, timeout=PATIENCE_S) as answer:
            return answer.read()
    except OSError as error:
        told = f"put data/{FILE} of {REPOSITORY} into $COURSE_DATA/chinchilla"
        raise DataError(f"cannot download Chinchilla's runs ({error}); {told}") from None
