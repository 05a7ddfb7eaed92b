"""What several systems could reach if somebody who knows the references chose the best answer of each utterance.

An oracle: a bound for whoever combines the systems by choosing one of their texts, and no system's result. It knows
numbers of errors, and no text.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def fewest_errors(errors: NDArray[np.integer]) -> NDArray[np.int64]:
    """Choose the system with the fewest errors in each utterance, of several such the first.

    ``errors`` is of shape ``(num_systems, num_utterances)``, with at least one system; the systems chosen are of shape
    ``(num_utterances,)``.
    """
    chosen: NDArray[np.int64] = np.argmin(errors, axis=0).astype(np.int64)
    return chosen


def expected_fewest_errors(errors: NDArray[np.integer]) -> NDArray[np.float64]:
    """Return the errors of the best of k systems, in all utterances together, for k from 1: shape ``(num_systems,)``.

    It is the mean over all choices of k of the systems (the unbiased pass@k of Chen et al. 2021, "Evaluating large
    language models trained on code", with errors in the place of success). An utterance's i-th fewest errors, from 0,
    count where that system is among the k and none of the better ones is: in C(n - 1 - i, k - 1) of C(n, k) choices.
    """
    num_systems = len(errors)
    ordered = np.sort(errors, axis=0).sum(axis=1, dtype=np.int64).tolist()
    return np.array(
        [
            sum(math.comb(num_systems - 1 - i, k - 1) * one for i, one in enumerate(ordered))
            / math.comb(num_systems, k)
            for k in range(1, num_systems + 1)
        ]
    )
