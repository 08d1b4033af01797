"""Parts of a bench in processes of their own, whose memory and threads are theirs alone."""

import json
import subprocess
import sys
from typing import Any


def told_by(module: str, *arguments: str) -> dict[str, Any]:
    """Run a module to its end and return the JSON it prints; exits where it fails."""
    command = [sys.executable, "-m", module, *arguments]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"bench: {' '.join(command)} failed")
    told: dict[str, Any] = json.loads(done.stdout)
    return told
