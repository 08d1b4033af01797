"""`python -m bench.profile OUT.svg`: where the service's time goes under load, as a flame graph.

    indexed shop -> service -> client's load || py-spy record -> OUT

Samples of every thread that runs or holds the interpreter, a hundred a second; a name that ends in
`.txt` takes the stacks as lines, with their counts behind.
"""

import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Annotated

import typer

from bench.client import Load, client
from bench.kept_shop import MODELS, shop
from bench.plan import Plan, planned
from bench.query import side

_WARM_UP = 2.0


def py_spy() -> str:
    """Return the program, of this environment or of the system; raises BadParameter."""
    beside = shutil.which("py-spy", path=str(Path(sys.executable).parent))
    if found := beside or shutil.which("py-spy"):
        return found
    raise typer.BadParameter("py-spy is not installed: pip install '.[bench]' -c constraints.txt")


def record(plan: Plan, model: str, at_once: int, seconds: int, options: list[str]) -> Load:
    """Load the service and sample it meanwhile.

    Args:
        plan: Where shops are kept.
        model: One of MODELS.
        at_once: Searches in flight.
        seconds: Of sampling.
        options: For py-spy, the file among them.
    """
    stand = shop(plan, model)
    with (
        client(stand.pictures) as load,
        side(stand.settings) as service,
        ThreadPoolExecutor(1) as beside,
    ):
        loaded = beside.submit(load.load, service.address, at_once, seconds + 1.0, _WARM_UP)
        command = [
            py_spy(),
            "record",
            "--pid",
            str(service.session),
            "--duration",
            str(seconds),
            *options,
        ]
        subprocess.run(command, check=True, stdout=sys.stderr)
        return loaded.result()


def main(
    out: Annotated[Path, typer.Argument(help="A flame graph, or stacks where it ends in .txt.")],
    model: Annotated[str, typer.Option(help="`default`, or the random `vit`.")] = "default",
    at_once: Annotated[int, typer.Option(help="Searches in flight.")] = 8,
    seconds: Annotated[int, typer.Option(help="Of sampling.")] = 20,
    gil: Annotated[bool, typer.Option("--gil", help="Only who holds the interpreter.")] = False,
    native: Annotated[bool, typer.Option("--native", help="Into compiled code too.")] = False,
    short: Annotated[bool, typer.Option("--short", help="A small shop and a tiny ViT.")] = False,
    keep: Annotated[Path | None, typer.Option(help="Folder, as `python -m bench` has it.")] = None,
) -> None:
    """Draw where the service's time goes."""
    py_spy()
    if model not in MODELS:
        raise typer.BadParameter(f"no model {model}: {', '.join(MODELS)}")
    out.parent.mkdir(parents=True, exist_ok=True)
    kind = "raw" if out.suffix == ".txt" else "flamegraph"
    options = ["--output", str(out), "--format", kind, "--threads"]
    options += ["--gil"] * gil + ["--native"] * native
    with planned(keep, short=short) as plan:
        found = record(plan, model, at_once, seconds, options)
    print(f"{found.rate:.1f} answers a second while sampled, p99 {found.percentile(99):.1f} ms")


if __name__ == "__main__":
    typer.run(main)
