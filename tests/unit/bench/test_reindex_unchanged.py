"""The bench of a second reindex, at a size that takes no time."""

from bench.reindex_unchanged import measure


def test_a_second_run_embeds_nothing_and_both_are_told() -> None:
    found = measure((150, 300))
    for size in ("150", "300"):
        first, second = (found["sizes"][size][run] for run in ("first", "second"))
        assert (first["end"], first["embedded"]) == ("promoted", int(size))
        assert (second["end"], second["embedded"]) == ("unchanged", 0)
        assert second["products_per_second"] > 0
        assert min(first["peak_megabytes"], second["peak_megabytes"]) > 10
    assert found["memory_growth"].keys() == {"first", "second"}
