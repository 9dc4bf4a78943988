"""What is out of the ordinary, by what was usual before."""

import pytest

from ige_pipeline.watch.usual import is_unusual


@pytest.mark.parametrize(
    ("value", "earlier", "unusual"),
    [
        (0.9, [0.3, 0.31, 0.29, 0.3, 0.32, 0.3], True),
        (0.0, [0.3, 0.31, 0.29, 0.3, 0.32, 0.3], True),
        (0.4, [0.3, 0.31, 0.29, 0.3, 0.32, 0.3], False),
        # One bad day moves neither the median nor the spread.
        (0.9, [0.3, 0.31, 1.0, 0.3, 0.32, 0.3, 0.31], True),
        # Where it always varies much, much is usual.
        (0.9, [0.1, 0.9, 0.3, 0.7, 0.5, 0.2], False),
        # Of five batches nobody can tell.
        (0.9, [0.3, 0.31, 0.29, 0.3, 0.32], False),
    ],
)
def test_a_value_is_unusual_where_it_is_far_from_the_median_by_the_spread_of_the_others(
    value: float, earlier: list[float], *, unusual: bool
) -> None:
    assert is_unusual(value, earlier, at_least=0.15) is unusual
