"""What a service counts: the text of /metrics -> a counter's values by one label."""

from prometheus_client.parser import text_string_to_metric_families


def counter(text: str, name: str, label: str) -> dict[str, int]:
    """Return a counter's values, summed where they differ in other labels only."""
    found: dict[str, int] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.name == name:
                value = sample.labels[label]
                found[value] = found.get(value, 0) + int(sample.value)
    return found
