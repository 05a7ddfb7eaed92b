import hashlib

import pytest

from earmark.scoring import SCORERS, load_scorer
from earmark.scoring.identity import identify
from earmark.scoring.levenshtein import LEVENSHTEIN, RULES

HASHES = {
    "levenshtein": ("1", "397be648b0aa"),
    "sclite": ("1", "41e518ce7e28"),
    "speechbrain": ("1", "28b0fb4abef7"),
    "mixed": ("1", "a28f60a5e076"),
}


def test_an_identity_is_name_version_and_the_hash_of_the_rules():
    """A changed rule changes the hash."""
    assert identify("a", "1", "rules").hash == hashlib.sha256(b"rules").hexdigest()
    assert LEVENSHTEIN.identity.hash == hashlib.sha256(RULES.encode()).hexdigest()


@pytest.mark.parametrize("name", HASHES)
def test_the_identities_stay(name):
    """Changed rules need a new version: results with other rules must never look the same."""
    identity = load_scorer(name).identity
    assert identity.name == name in SCORERS.entries()
    assert (identity.version, identity.hash[:12]) == HASHES[name]
