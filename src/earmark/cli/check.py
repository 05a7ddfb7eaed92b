"""``earmark check``: flags to arguments, and what was found as a page or as JSON."""

from __future__ import annotations

import json
import sys
import time
from typing import Annotated, Literal

from cyclopts import Group, Parameter

from earmark.cli.check_page import print_check, print_verdict
from earmark.cli.progress import observer_for
from earmark.cli.screen import number_of, say
from earmark.verbs.events import DataLooked, Event, Observer

_INPUT = Group("Input", sort_key=1)
_LOOK = Group("What is looked at", sort_key=2)
_OUTPUT = Group("Output", sort_key=3)
_ERRORS = Group("Errors", sort_key=4)
_SAID_EVERY_S = 30.0


class _Patience:
    """Passes events on, and says now and then on stderr how far a long check is."""

    def __init__(self, observer: Observer) -> None:
        self._observer = observer
        self._last = time.monotonic()

    def __call__(self, event: Event) -> None:
        self._observer(event)
        if isinstance(event, DataLooked) and time.monotonic() - self._last >= _SAID_EVERY_S:
            self._last = time.monotonic()
            say(f"{number_of(event.num_utterances, 'utterance')} looked at, {event.num_decoded:,} decoded")


def check_command(
    data: Annotated[str, Parameter(group=_INPUT)],
    /,
    *,
    audio_root: Annotated[str | None, Parameter(group=_INPUT)] = None,
    text_column: Annotated[str | None, Parameter(group=_INPUT)] = None,
    channel: Annotated[int | None, Parameter(group=_INPUT)] = None,
    language: Annotated[str | None, Parameter(group=_INPUT)] = None,
    limit: Annotated[str | None, Parameter(group=_INPUT)] = None,
    seed: Annotated[int | None, Parameter(group=_INPUT)] = None,
    offline: Annotated[bool, Parameter(group=_INPUT, negative="")] = False,
    decode: Annotated[Literal["auto", "all", "none"], Parameter(group=_LOOK)] = "auto",
    normalizer: Annotated[str, Parameter(group=_LOOK)] = "basic",
    expected_characters: Annotated[str | None, Parameter(group=_LOOK)] = None,
    json_: Annotated[bool, Parameter(name="--json", group=_OUTPUT, negative="")] = False,
    missing_audio: Annotated[Literal["error", "fail", "skip"], Parameter(group=_ERRORS)] = "error",
) -> int:
    """Look at data: sizes, texts, sound, and what an evaluation would trip over.

    Parameters
    ----------
    data
        Manifest, folder of audio, or PREFIX:PATH (earmark ls sources).
    audio_root
        Where relative audio paths start (manifest's folder).
    text_column
        Column of the reference text; none: there is none.
    channel
        Take this channel, from 0 (the mean of all).
    language
        Of the utterances that do not say.
    limit
        The first N utterances, or N%; with --seed at random.
    seed
        Of the random sample.
    offline
        Fetch nothing: what is not here must be in the cache.
    decode
        Audio to decode; auto: all of 10 minutes, or a sample of so much.
    normalizer
        Done to both texts first: earmark ls normalizers.
    expected_characters
        That references may hold (those of their main script).
    json_
        One JSON object on stdout, and no page.
    missing_audio
        Refuse to begin, fail the utterance, or leave it out.
    """
    from earmark.verbs.check import check

    with observer_for("auto") as observer:
        found = check(
            data,
            audio_root=audio_root,
            text_column=text_column,
            channel=channel,
            language=language,
            limit=limit,
            seed=seed,
            missing_audio=missing_audio,
            normalizer=normalizer,
            expected_characters=expected_characters,
            decode=decode,
            offline=offline,
            observer=_Patience(observer),
        )
    if json_:
        sys.stdout.write(json.dumps(found.as_json(), indent=2, allow_nan=False) + "\n")
    else:
        print_check(found)
    print_verdict(found)
    return found.exit_code
