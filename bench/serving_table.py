"""The reports of `bench.serving` and `bench.latency` as figures beside what was asked."""

import statistics
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from bench.report import Figure
from bench.serving import SERVICE

LEAST_OF_RAW, LOADED = 0.97, ("8", "32")
"""Of throughput over raw, at these concurrencies."""
MOST_OVER_DIRECT = {"p50": 1.08, "p99": 1.3}


def serving_figures(report: Mapping[str, Any]) -> list[Figure]:
    """Return throughput over raw, and throughput and p99 over each peer."""
    rows = []
    for model, told in report.items():
        for connections, sides in told["concurrency"].items():
            where = f"{model}, {connections} at once"
            rows.append(_over_raw(where, connections, sides[SERVICE], sides["raw"]))
            rows.append(_processor(where, sides))
            for peer in [name for name in sides if name not in ("raw", SERVICE)]:
                rows += _over_peer(where, connections, sides[SERVICE], peer, sides[peer])
        rows += [Figure(f"peers, {model}", reason) for reason in told["left_out"]]
    return rows


def latency_figures(report: Mapping[str, Any]) -> list[Figure]:
    """Return p50 and p99 of one query at a time over direct work."""
    return [
        _over_direct(f"one query, {model}, {share} over decode + encode + search", share, told)
        for model, told in report.items()
        for share in MOST_OVER_DIRECT
    ]


def _over_raw(
    where: str, connections: str, service: Mapping[str, Any], raw: Mapping[str, Any]
) -> Figure:
    ratio, net = service["ratio_median"], service["ratio_net_median"]
    measured = (
        f"{ratio:.3f} {spread(service['ratio_rounds'])}; "
        f"{statistics.median(service['answers_per_second']):.1f} over "
        f"{statistics.median(raw['images_per_second']):.1f} /s; {net:.3f} without the client's "
        f"{100 * service['client_share']:.1f} % of the cores"
    )
    what = f"answers/s over raw session.run, {where}"
    if connections not in LOADED:
        return Figure(what, measured)
    return Figure(what, measured, f">= {LEAST_OF_RAW}", ratio >= LEAST_OF_RAW)


def _processor(where: str, sides: Mapping[str, Any]) -> Figure:
    told = ", ".join(f"{name} {each['processor_ms']:.2f}" for name, each in sides.items())
    return Figure(f"processor's ms an answer, {where}", told)


def _over_peer(
    where: str,
    connections: str,
    service: Mapping[str, Any],
    name: str,
    peer: Mapping[str, Any],
) -> Iterator[Figure]:
    rates = _ratios(service, peer, "answers_per_second")
    ahead = statistics.median(rates)
    yield Figure(
        f"answers/s over {name}, {where}", f"{ahead:.2f} {spread(rates)}", "> 1", ahead > 1
    )
    whole = service["p99_ms_all"] / peer["p99_ms_all"]
    told = (
        f"{whole:.2f} {spread(_ratios(service, peer, 'p99_ms'))}; "
        f"{service['p99_ms_all']:.1f} over {peer['p99_ms_all']:.1f} ms"
    )
    judged = connections in LOADED
    what = f"p99 over {name}, {where}"
    yield Figure(what, told, "< 1", whole < 1) if judged else Figure(what, told)


def _ratios(service: Mapping[str, Any], peer: Mapping[str, Any], key: str) -> list[float]:
    return [ours / theirs for ours, theirs in zip(service[key], peer[key], strict=True)]


def _over_direct(what: str, share: str, told: Mapping[str, Any]) -> Figure:
    """Judge p50 by the median of rounds, and p99, which a round has too few calls for, by all."""
    each, most = told[share], MOST_OVER_DIRECT[share]
    ratio = each["ratio_all"] if share == "p99" else each["ratio_median"]
    served, direct = (statistics.median(each[side]) for side in ("service_ms", "direct_ms"))
    measured = f"{ratio:.3f} {spread(each['ratio_rounds'])}; {served:.2f} over {direct:.2f} ms"
    return Figure(what, measured, f"<= {most}", ratio <= most)


def spread(rounds: Sequence[float]) -> str:
    """Say between what the rounds lie."""
    return f"(rounds {min(rounds):.2f} to {max(rounds):.2f})"
