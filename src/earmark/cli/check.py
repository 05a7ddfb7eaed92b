"""``earmark check``: flags to arguments, and what was found as a page or as JSON."""

from __future__ import annotations

import json
import sys
import time
from typing import Annotated, Literal

from cyclopts import Parameter

from earmark.cli.check_page import print_check, print_verdict
from earmark.cli.data_flags import LOOK, NO_DATA_FLAGS, OUTPUT, Data, DataFlags
from earmark.cli.progress import observer_for
from earmark.cli.screen import json_for_screen, number_of, say
from earmark.verbs.events import DataLooked, Event, Observer

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
    data: Data,
    /,
    *,
    flags: DataFlags = NO_DATA_FLAGS,
    decode: Annotated[Literal["auto", "all", "none"], Parameter(group=LOOK)] = "auto",
    normalizer: Annotated[str, Parameter(group=LOOK)] = "basic",
    expected_characters: Annotated[str | None, Parameter(group=LOOK)] = None,
    json_: Annotated[bool, Parameter(name="--json", group=OUTPUT, negative="")] = False,
) -> int:
    """Look at data: sizes, texts, sound, and what an evaluation would trip over.

    Parameters
    ----------
    decode
        Audio to decode; auto: all of 10 minutes, or a sample of so much.
    normalizer
        Done to both texts first: earmark ls normalizers.
    expected_characters
        That references may hold (those of their main script).
    json_
        One JSON object on stdout, and no page.
    """
    from earmark.verbs.check import check

    with observer_for("auto") as observer:
        found = check(
            data,
            **flags.arguments(),
            normalizer=normalizer,
            expected_characters=expected_characters,
            decode=decode,
            observer=_Patience(observer),
        )
    if json_:
        sys.stdout.write(json_for_screen(json.dumps(found.as_json(), indent=2, allow_nan=False)) + "\n")
    else:
        print_check(found)
    print_verdict(found)
    return found.exit_code
