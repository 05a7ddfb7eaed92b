"""The kinds of trouble that data can have: what each is called, what it does to an evaluation, and what to do about it.

Knows sentences only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Weight = Literal["refuses", "fails", "look"]
"""An evaluation would not begin; it would begin, and the utterance fail; nothing would tell but a look at the data."""


@dataclass(frozen=True, slots=True)
class ProblemKind:
    """A kind of trouble. ``one`` follows the number 1, ``many`` any other; ``todo`` is what to type or to do next."""

    weight: Weight
    one: str
    many: str
    todo: str


KINDS: dict[str, ProblemKind] = {
    "bad_row": ProblemKind("refuses", "row cannot be read", "rows cannot be read", "mend them: all are listed below"),
    "duplicate_id": ProblemKind(
        "refuses",
        "id occurs again",
        "ids occur again",
        "give every utterance its own id; where there is no such column, the same file and time are there twice",
    ),
    "missing_audio": ProblemKind(
        "refuses",
        "audio file is not there",
        "audio files are not there",
        "--audio-root FOLDER says where paths start",
    ),
    "unreadable": ProblemKind(
        "fails", "audio file cannot be read", "audio files cannot be read", "mend or leave out the files"
    ),
    "empty": ProblemKind(
        "fails", "audio file holds no samples", "audio files hold no samples", "mend or leave out the files"
    ),
    "truncated": ProblemKind(
        "fails",
        "audio file ends too soon",
        "audio files end too soon",
        "fetch the files again, or mend the stated times",
    ),
    "not_finite": ProblemKind(
        "fails",
        "audio file holds samples that are no numbers",
        "audio files hold samples that are no numbers",
        "write the files again",
    ),
    "no_channel": ProblemKind(
        "fails", "audio file lacks the channel", "audio files lack the channel", "--channel 0 is the first one"
    ),
    "past_the_end": ProblemKind(
        "fails",
        "piece begins after the end of the file",
        "pieces begin after the end of the file",
        "mend the start times",
    ),
    "too_long": ProblemKind(
        "fails", "audio file is too long to decode", "audio files are too long to decode", "cut them"
    ),
    "changed_audio": ProblemKind(
        "look",
        "audio file is not the one that was staged",
        "audio files are not those that were staged",
        "the line that staged them, with --verify",
    ),
    "no_reference": ProblemKind(
        "look", "utterance has no reference", "utterances have no reference", "they are transcribed, and not scored"
    ),
    "empty_reference": ProblemKind(
        "look",
        "reference is empty",
        "references are empty",
        "every word heard there counts as an insertion: is it silence?",
    ),
    "empty_when_normalized": ProblemKind(
        "look",
        "reference is empty once normalized",
        "references are empty once normalized",
        "choose another --normalizer, or look at the texts",
    ),
    "too_fast": ProblemKind(
        "look",
        "text is too long for its audio",
        "texts are too long for their audio",
        "listen: text and audio may be mispaired",
    ),
    "too_slow": ProblemKind(
        "look",
        "text is too short for its audio",
        "texts are too short for their audio",
        "listen: text and audio may be mispaired",
    ),
    "stated_duration": ProblemKind(
        "look",
        "stated duration differs from the file's header",
        "stated durations differ from the file's header",
        "whole files are read whole: mend what is stated",
    ),
    "doubled_audio": ProblemKind(
        "look",
        "utterance uses the audio of another",
        "utterances use the audio of another",
        "each counts: leave the copies out",
    ),
    "doubled_content": ProblemKind(
        "look",
        "utterance sounds sample for sample like another",
        "utterances sound sample for sample like another",
        "each counts: leave the copies out",
    ),
    "doubled_text": ProblemKind(
        "look", "reference occurs again", "references occur again", "natural in some data, such as commands"
    ),
    "control_character": ProblemKind(
        "look",
        "control, direction or invisible character in references",
        "control, direction or invisible characters in references",
        "remove them from the texts",
    ),
    "unexpected_character": ProblemKind(
        "look",
        "unexpected character in references",
        "unexpected characters in references",
        "listed above; --expected-characters says which are fine",
    ),
    "several_channels": ProblemKind(
        "look",
        "file has several channels",
        "files have several channels",
        "the mean of all is used; --channel 0 takes the first",
    ),
    "clipped": ProblemKind(
        "look",
        "recording is clipped",
        "recordings are clipped",
        "more than 1 sample in 1,000 stands at full scale: listen",
    ),
    "beyond_full_scale": ProblemKind(
        "look",
        "recording exceeds full scale",
        "recordings exceed full scale",
        "cut at +-1 when decoded: are the samples on another scale, such as that of 16-bit integers?",
    ),
    "silent": ProblemKind(
        "look", "recording is silent", "recordings are silent", "below -60 dBFS: leave them out, or record them again"
    ),
    "offset": ProblemKind(
        "look",
        "recording has an offset",
        "recordings have an offset",
        "their mean is off zero by more than 1 % of full scale",
    ),
}
"""In the order in which they are told. The kinds that fail an utterance's audio are those of AudioError."""

FAILS_EVERY = ProblemKind("fails", "audio file cannot be used", "audio files cannot be used", "look at the first one")
"""For a kind of AudioError that has no sentence here."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One kind of trouble in some data: how many, and the first.

    ``first_at`` is its file, or a row of the data; ``detail`` says more of it, and may be empty.
    """

    kind: str
    weight: Weight
    number: int
    what: str
    first_id: str
    first_at: str
    detail: str
    todo: str
