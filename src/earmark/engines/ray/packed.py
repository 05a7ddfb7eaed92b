"""What travels to Ray's workers, as bytes: classes and functions of the script that is run too. Knows no actor."""

from __future__ import annotations

from earmark.engines.pickled import pickled


def packed(thing: object) -> bytes:
    """``thing`` for ``pickle.loads``. Raises EngineError for what does not pickle."""
    from ray import cloudpickle  # plain pickle names what a worker cannot import: the script is another module there

    return pickled(thing, cloudpickle.dumps)
