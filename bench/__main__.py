"""`make bench`: every benchmark in one run; JSON on stdout, progress on stderr."""

import json
import os
import platform
import sys

import faiss
import onnxruntime

from bench import query, reindex


def main() -> None:
    """Run and print."""
    report = {
        "machine": {
            "processor": platform.processor() or platform.machine(),
            "cores": len(os.sched_getaffinity(0)),
            "python": platform.python_version(),
            "onnxruntime": onnxruntime.__version__,
            "faiss": faiss.__version__,
        }
    }
    for name, benchmark in (("reindex", reindex.measure), ("query", query.measure)):
        print(f"bench: {name} ...", file=sys.stderr, flush=True)
        report[name] = benchmark()
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
