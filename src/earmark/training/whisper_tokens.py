"""What a Whisper is to say for a text: tokens by its own tokenizer, with what it is told before and the end after.

Knows what cannot be learnt, and by which rule; no weights.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from earmark.errors import UsageError
from earmark.recognizers.transformers.loading import Loaded
from earmark.records import SAMPLE_RATE_HZ

BEYOND_WINDOW = "longer than the model's window"
OTHER_TOKENS = "text that the tokenizer cannot spell"
TOO_MANY_TOKENS = "more tokens than the decoder has places"


@dataclass(frozen=True, slots=True)
class Tokens:
    """The spelling of a Whisper, as ``examples.Spelling`` says.

    ``head`` is what its generation begins with: the start, language and task where it has them, and no timestamps.
    ``num_places`` is how many tokens its decoder can be given, ``vocabulary_size`` how many it knows.
    """

    tokenizer: Any
    head: tuple[int, ...]
    end: int
    vocabulary_size: int
    num_places: int
    window_s: float

    def __call__(self, text: str, duration_s: float) -> tuple[int, ...] | str:
        """Head, text and end, or a rule. A text begins with a space, as all that these models were taught does."""
        if duration_s > self.window_s:
            return BEYOND_WINDOW
        wanted = f" {text}"
        said = self.tokenizer(wanted, add_special_tokens=False).input_ids
        if self._is_other(said, wanted):
            return OTHER_TOKENS
        if len(self.head) + len(said) > self.num_places:
            return TOO_MANY_TOKENS
        return (*self.head, *said, self.end)

    def _is_other(self, said: list[int], wanted: str) -> bool:
        """A token for what is unknown is also the one for the end, and a text may be spelt like a special one."""
        if not said or max(said) >= self.vocabulary_size or not set(self.tokenizer.all_special_ids).isdisjoint(said):
            return True
        spelt = self.tokenizer.decode(said, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        return bool(spelt != wanted)


def tokens_of(loaded: Loaded) -> Tokens:
    """The spelling of this model, told what the settings say. Raises UsageError for a model that does not say how."""
    config, place = loaded.model.config, loaded.checkpoint.place
    if loaded.extractor.nb_max_frames != 2 * config.max_source_positions:
        raise UsageError(
            f"{place} does not fit together",
            cause=f"its features are {loaded.extractor.nb_max_frames} frames, "
            f"its encoder takes {2 * config.max_source_positions}",
            hint="the preprocessor_config.json or processor_config.json of the model itself",
        )
    try:
        head, end = _head(loaded), int(loaded.tokenizer.eos_token_id)
    except (KeyError, TypeError, ValueError) as error:
        raise UsageError(
            f"{place} does not say how a text begins",
            cause=f"its generation_config.json lacks something: {error}",
            hint="copy generation_config.json of the model that it was made from",
        ) from error
    return Tokens(
        tokenizer=loaded.tokenizer, head=head, end=end, vocabulary_size=int(config.vocab_size),
        num_places=int(config.max_target_positions), window_s=loaded.extractor.n_samples / SAMPLE_RATE_HZ,
    )  # fmt: skip


def _head(loaded: Loaded) -> tuple[int, ...]:
    """What Transformers' generation begins with (5.23): read from the same file, in the same order."""
    stated: Mapping[str, Any] = loaded.checkpoint.generation
    settings = loaded.settings
    head = [int(stated.get("decoder_start_token_id") or loaded.model.config.decoder_start_token_id)]
    if settings.language is not None:
        head += [int(stated["lang_to_id"][f"<|{settings.language}|>"]), int(stated["task_to_id"][settings.task])]
    if stated.get("no_timestamps_token_id") is not None:
        head.append(int(stated["no_timestamps_token_id"]))
    return tuple(head)
