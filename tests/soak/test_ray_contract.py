"""What every engine must do, asked of actors on a cluster of two nodes."""

from __future__ import annotations

import pytest

from tests.contracts.test_engines import (
    test_a_rank_is_a_place_from_0,
    test_a_stop_ends_early_and_loses_no_receipt_of_what_was_done,
    test_shards_are_asked_for_one_at_a_time,
    test_what_the_work_raises_goes_up_with_its_facts,
)
from tests.engines.test_ray import cluster, diary, engine

pytestmark = [pytest.mark.soak, pytest.mark.filterwarnings("ignore::ResourceWarning:ray")]

FIXTURES = (cluster, diary, engine)
CONTRACT = (
    test_a_rank_is_a_place_from_0,
    test_a_stop_ends_early_and_loses_no_receipt_of_what_was_done,
    test_shards_are_asked_for_one_at_a_time,
    test_what_the_work_raises_goes_up_with_its_facts,
)
