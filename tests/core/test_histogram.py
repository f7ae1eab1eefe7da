"""A histogram: counts up to edges, as Prometheus adds them up."""

from aqi_service.core.histogram import Histogram


def test_a_value_counts_in_the_bucket_of_the_first_edge_that_is_not_below_it_and_in_all_after_it() -> None:
    histogram = Histogram((0.5, 1.0))
    for value in (0.25, 0.5, 0.75, 2.0):
        histogram.note(value)
    assert histogram.buckets() == [("0.5", 2), ("1.0", 3), ("+Inf", 4)]
    assert (histogram.counts, histogram.total) == ([2, 1, 1], 3.5)
