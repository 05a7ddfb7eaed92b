"""Whether a text of a multitask model ended by itself, or by its limit of tokens.

NeMo's search knows: it goes on until each text has its end token, or there is no place left. Then it takes the end
tokens off, so that its answer tells no more. Here the search is listened to before that.
"""

from __future__ import annotations

from typing import Any


class Endings:
    """A search of NeMo's, called in its place, that remembers which of its texts have no end token."""

    def __init__(self, search: Any) -> None:  # noqa: ANN401  # one of NeMo's generators of sequences
        self._search = search
        self._is_cut: list[bool] = []

    def __call__(self, **given: Any) -> Any:  # noqa: ANN401  # NeMo's
        """What the search gives: with scores of beams the best sequences third, else first."""
        found = self._search(**given)
        best = found[2] if given.get("return_beam_scores") else found[0]
        ends = (self._search.eos, self._search.pad)  # padding stands behind an end
        self._is_cut += [last not in ends for last in best[:, -1].tolist()]
        return found

    def forget(self) -> None:
        """Nothing of what was said until now is asked for."""
        self._is_cut.clear()

    def of(self, num_texts: int) -> list[bool | None]:
        """For each text since then whether its limit ended it; unknown where there were not so many."""
        return [*self._is_cut] if len(self._is_cut) == num_texts else [None] * num_texts


def watched(model: Any) -> Endings | None:  # noqa: ANN401  # NeMo's
    """The endings of what ``model`` will say from now on; None where its search is none that is known."""
    engine = model.decoding.decoding
    for name in ("beam_search", "greedy_search"):
        if (search := getattr(engine, name, None)) is not None:
            endings = Endings(search)
            setattr(engine, name, endings)
            return endings
    return None
