"""How a tokenizer of SpeechBrain's recipes cuts a text: a CTCTextEncoder into letters, SentencePiece into pieces."""

from __future__ import annotations

from typing import Any

from earmark.errors import UsageError
from earmark.training.texts import Tokens


def tokens_of(tokenizer: Any) -> Tokens:  # noqa: ANN401  # SpeechBrain's, or SentencePiece's
    """What cuts texts. Raises UsageError for a tokenizer of another kind."""
    from sentencepiece import SentencePieceProcessor
    from speechbrain.dataio.encoder import CTCTextEncoder

    if isinstance(tokenizer, SentencePieceProcessor):
        return _pieces(tokenizer)
    if isinstance(tokenizer, CTCTextEncoder):
        return _letters(tokenizer)
    raise UsageError(
        f"a language model is trained on letters or pieces, and the tokenizer is a {type(tokenizer).__name__}",
        hint="a CTCTextEncoder or a SentencePieceProcessor",
    )


def num_labels_of(tokenizer: Any) -> int:  # noqa: ANN401  # as above
    """One more than the highest number that it gives. Raises UsageError for a tokenizer of another kind."""
    tokens_of(tokenizer)
    if hasattr(tokenizer, "vocab_size"):
        return int(tokenizer.vocab_size())
    return max(tokenizer.lab2ind.values(), default=-1) + 1


def _letters(tokenizer: Any) -> Tokens:  # noqa: ANN401  # as above
    known = {label: number for label, number in tokenizer.lab2ind.items() if len(str(label)) == 1}

    def cut(text: str) -> tuple[tuple[int, ...], str]:
        unknown = next((letter for letter in text if letter not in known), "")
        return tuple(known[letter] for letter in text if letter in known), unknown

    return cut


def _pieces(tokenizer: Any) -> Tokens:  # noqa: ANN401  # as above
    none = tokenizer.unk_id()

    def cut(text: str) -> tuple[tuple[int, ...], str]:
        numbers = tuple(tokenizer.encode_as_ids(text))
        if none not in numbers:
            return numbers, ""
        return numbers, str(tokenizer.encode_as_pieces(text)[numbers.index(none)])

    return cut
