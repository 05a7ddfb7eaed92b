"""What people write for the value of an option, by the words of other programs. It knows no model."""

from __future__ import annotations

_CALLED_HERE = {
    "dtype": {
        **dict.fromkeys(("fp32", "f32", "float", "full"), "float32"),
        **dict.fromkeys(("fp16", "f16", "half"), "float16"),
        **dict.fromkeys(("bf16", "bfp16"), "bfloat16"),
    },
    "decoder": dict.fromkeys(("tdt", "transducer", "rnn-t"), "rnnt"),
    "device": {"gpu": "cuda"},
}
_TRUE = ("yes", "y", "on", "1")
_FALSE = ("no", "n", "off", "0")


def called_here(option: str, value: object) -> str | None:
    """Our word for such a value of ``option``; None where nothing is known of it."""
    return _CALLED_HERE.get(option, {}).get(str(value).strip().lower())


def truth_of(value: object) -> str:
    """``true`` or ``false``, as the value seems to mean; both of them where it means neither."""
    word = str(value).strip().lower()
    if word in _TRUE:
        return "true"
    return "false" if word in _FALSE else "true, or false"
