"""A line that ``cyclopts`` cannot read: what is wrong with it in one sentence, and what to type instead.

Knows what the library made of the line; does not know what any command does.
"""

from __future__ import annotations

import difflib
import re

from cyclopts import CycloptsError, MissingArgumentError, UnknownOptionError, UnusedCliTokensError

_GUESS = re.compile(r" Did you mean (--?[\w-]+)(?: instead of (--?[\w-]+))?\?$", re.ASCII)
_NEAR = 0.75
"""How alike two names must be, without their dashes, for one to be a slip of the other."""
_EXAMPLES = {
    "--data": "--data manifest.jsonl",
    "export --to": "--to jsonl; earmark ls exports names the others",
    "stage --to": "--to FOLDER",
    "track --to": "--to wandb or --to mlflow",
    "MODEL": "earmark {verb} MODEL --data DATA; earmark ls models names some",
    "DATA": "earmark {verb} manifest.jsonl",
    "export RUN": "earmark export runs/NAME --to jsonl",
    "compare RUNS": "earmark compare runs/BASELINE runs/CANDIDATE",
    "track RUN": "earmark track runs/NAME --to wandb",
    "RUN": "earmark {verb} runs/NAME",
    "RUNS": "earmark {verb} runs/NAME",
}


def sentence_of(error: CycloptsError) -> str:
    """What is wrong. A name is proposed only where it is spelled nearly like the one that was typed."""
    if isinstance(error, UnusedCliTokensError):
        return f"one word too many: {', '.join(error.unused_tokens or ())}"
    text = " ".join(str(error).split())
    guess = _GUESS.search(text)
    if isinstance(error, MissingArgumentError) and error.argument is not None:
        is_near = guess is not None and _is_near(guess[2] or "", guess[1])
        said = f"{error.keyword} has no value" if error.keyword else f"{error.argument.name} is missing"
        return f"{said}.{guess[0]}" if guess is not None and is_near and not error.keyword else said
    if isinstance(error, UnknownOptionError) and guess is not None:
        return text if _is_near(_typed(error), guess[1]) else text.removesuffix(guess[0])
    return text


def hint_of(error: CycloptsError) -> str:
    """What to type instead: an example of what is missing, and for what many people try first what is meant."""
    verb = " ".join(error.command_chain or ())
    if verb == "score" and isinstance(error, UnusedCliTokensError):
        return "two files are scored by: earmark score -r REFERENCES -h HYPOTHESES"
    if isinstance(error, UnknownOptionError) and _typed(error) in ("-d", "--data") and _takes_data(error):
        return f"earmark {verb} DATA: here they need no flag"
    if isinstance(error, MissingArgumentError) and error.argument is not None:
        name = error.argument.name
        example = _EXAMPLES.get(f"{verb} {name}", _EXAMPLES.get(name))
        if example is not None:
            return example.format(verb=verb)
    return f"earmark {verb} --help" if verb else "earmark --help"


def _takes_data(error: UnknownOptionError) -> bool:
    return any(argument.name == "DATA" for argument in error.argument_collection)


def _typed(error: UnknownOptionError) -> str:
    return error.token.keyword or error.token.value


def _is_near(typed: str, known: str) -> bool:
    there, here = (one.partition("=")[0].strip("-").replace("_", "-") for one in (typed, known))
    return difflib.SequenceMatcher(None, there, here).ratio() >= _NEAR
