"""Hold a running service to its own description, with schemathesis.

make schema CASES=5000

demo shop -> vitrine serve, with a key -> schemathesis: examples, coverage, fuzzing, stateful
          -> every check -> a count, and what failed
"""

import argparse
import base64
import json
import os
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from service.core.access import Scope, new_key
from support.live_server import VIEWS, Server, Shop, make_shop, serving

_CONFIG = Path(__file__).with_name("schemathesis.toml")
_CASES_OF_AN_EXAMPLE = 40
"""Fewer than an example makes, so that what is wanted is reached."""
ALL_PHASES = "examples,coverage,fuzzing,stateful"
SEED = 20_261_125


@dataclass(frozen=True, slots=True)
class Report:
    """What became of a run: its exit status, its cases, what failed, and all it printed."""

    status: int
    cases: int
    failures: dict[str, int]
    text: str


def check(shop: Shop, folder: Path, examples: int, phases: str = ALL_PHASES) -> Report:
    """Serve a shop with keys and hold it to what it says of itself.

    Args:
        shop: Is written to.
        folder: Takes logs and reports.
        examples: Of an operation, while fuzzing; and sequences of requests.
        phases: Separated by commas.
    """
    secret, key = new_key("schema", frozenset(Scope))
    with serving(shop.data_dir, folder, VITRINE_API_KEYS=str(key)) as server:
        values = folder / "values.json"
        values.write_text(json.dumps(_values(shop, server, secret)))
        command = _command(server, examples, phases)
        paths = os.pathsep.join(map(str, Path(__file__).parents[1:3]))
        told = {"VITRINE_TEST_KEY": secret, "VITRINE_TEST_VALUES": str(values)}
        hooks = {"PYTHONPATH": paths, "SCHEMATHESIS_HOOKS": "support.schema_hooks"}
        done = subprocess.run(
            command,
            env={**os.environ, **hooks, **told},
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
        )
    return _report(done)


def _command(server: Server, examples: int, phases: str) -> list[str]:
    return [
        *(sys.executable, "-m", "schemathesis.cli", "--config-file", str(_CONFIG)),
        *("run", f"{server.url}/openapi.json", "--max-examples", str(examples)),
        *("--seed", str(SEED), "--no-color", "--continue-on-failure", "--phases", phases),
    ]


def _report(done: subprocess.CompletedProcess[str]) -> Report:
    text = done.stdout + done.stderr
    counted = re.search(r"Test cases:\n\s+([0-9,]+) generated", text)
    failed = re.findall(r"❌ (ST\d+ .+): (\d+)", text)
    return Report(
        status=done.returncode,
        cases=int(counted[1].replace(",", "")) if counted else 0,
        failures={name: int(count) for name, count in failed},
        text=text,
    )


def _values(shop: Shop, server: Server, secret: str) -> dict[str, object]:
    """Return what exists in this shop, by the name of the field that takes it."""
    pictures = [shop.picture(number, view=VIEWS) for number in range(6)]  # none of the catalogue
    with server.client() as client:
        client.headers["Authorization"] = f"Bearer {secret}"
        products = client.get("/v1/products", params={"limit": 20}).json()["products"]
        bundle = client.get("/v1/index").json()["bundle"]
        asked = [client.post("/v1/search", files={"file": each}).json() for each in pictures]
    texts = [base64.b64encode(picture).decode() for picture in pictures]
    return {
        "image_base64": [*texts, f"data:image/jpeg;base64,{texts[0]}"],
        "image_id": [answer["image_id"] for answer in asked],
        "kept": [product["images"][0]["image_id"] for product in products],
        "product_id": [product["id"] for product in products],
        "text": ["red bag", "navy blue shirt", "Schuhe, grün", "x"],
        "image_url": ["http://127.0.0.1:1/photo.jpg", "https://shop.invalid/a.jpg"],
        "model": [bundle["name"]],
        "dim": bundle["dim"],
        "pictures_hex": [picture.hex() for picture in pictures],
    }


def main() -> int:
    """Send at least so many cases; the exit status is 0 where nothing failed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--cases", type=int, default=5000)
    wanted = parser.parse_args().cases
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        report = check(make_shop(folder), folder, max(1, wanted // _CASES_OF_AN_EXAMPLE))
    print(report.text)
    if report.cases < wanted:
        print(f"{report.cases} cases, and {wanted} are wanted", file=sys.stderr)
        return 1
    return report.status


if __name__ == "__main__":
    sys.exit(main())
