import hashlib

from earmark.scoring.identity import RULES, SCORER


def test_the_identity_of_version_1_stays():
    """Changed rules need a new version: results with other rules must never look the same."""
    assert (SCORER.name, SCORER.version) == ("levenshtein", "1")
    assert SCORER.hash == hashlib.sha256(RULES.encode()).hexdigest()
    assert SCORER.hash.startswith("397be648b0aa")
