"""Dockerfile and compose files fit the repository, the settings and each other.

No container engine is needed: the files are parsed, and the two commands that can run without one
(the health check, Redis) are run.
"""

import json
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import yaml
from typer.main import get_command

from service.cli import app
from service.settings import Settings

ROOT = Path(__file__).parents[2]
TARGETS = ("cpu", "gpu")


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction of a Dockerfile, continuation lines joined."""

    stage: str
    word: str
    rest: str


def _instructions() -> list[Instruction]:
    """Parse the Dockerfile; bodies of here-documents and comments are left out."""
    found, stage, end = [], "", None
    for line in (ROOT / "Dockerfile").read_text().replace("\\\n", " ").splitlines():
        if end is not None or not line.strip() or line.startswith("#"):
            end = None if line == end else end
            continue
        word, _, rest = line.partition(" ")
        if word == "FROM":
            stage = rest.rpartition(" AS ")[2]
        if heredoc := re.search(r"<<'?(\w+)", rest):
            end = heredoc[1]
        found.append(Instruction(stage, word, rest.strip()))
    return found


INSTRUCTIONS = _instructions()
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES = COMPOSE["services"]
OURS = [name for name, service in SERVICES.items() if "build" in service]
GPU_SERVICES = yaml.safe_load((ROOT / "deploy" / "compose.gpu.yml").read_text())["services"]


def _of(target: str, word: str) -> list[str]:
    return [i.rest for i in INSTRUCTIONS if i.stage == target and i.word == word]


def _pairs(target: str, word: str) -> dict[str, str]:
    """The KEY=value words of ENV or LABEL."""
    words = (word for rest in _of(target, word) for word in shlex.split(rest))
    return dict(word.split("=", 1) for word in words)


def _copied_from_context() -> list[str]:
    copies = (shlex.split(i.rest) for i in INSTRUCTIONS if i.word == "COPY")
    return [path for words in copies if "--from" not in words[0] for path in words[:-1]]


def test_everything_copied_exists_and_is_let_through() -> None:
    let_through = {
        line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line[:1] == "!"
    }
    copied = _copied_from_context()

    assert copied
    for path in copied:
        assert (ROOT / path).exists(), path
    assert let_through == set(copied)
    assert "*" in (ROOT / ".dockerignore").read_text().splitlines()


def test_stages_exist_before_they_are_used() -> None:
    known: set[str] = set()
    for instruction in INSTRUCTIONS:
        for name in re.findall(r"(?:--from=|,from=)([\w-]+)", instruction.rest):
            assert name in known, name
        known.add(instruction.stage)
    assert known >= set(TARGETS)


def test_extras_of_the_images_exist() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert set(TARGETS) <= project["optional-dependencies"].keys()
    assert project["requires-python"] == ">=3.11,<3.14"  # the images' 3.12 is within
    assert "vitrine" in project["scripts"]


def test_code_comes_after_dependencies_so_that_they_stay_cached() -> None:
    for target in TARGETS:
        steps = [i.rest for i in INSTRUCTIONS if i.stage == target and i.word in {"COPY", "RUN"}]
        dependencies = next(n for n, rest in enumerate(steps) if f"dependencies-{target}" in rest)
        code = next(n for n, rest in enumerate(steps) if "from=wheel" in rest)
        assert dependencies < code
        assert not any("service" in rest for rest in _of(f"dependencies-{target}", "COPY"))


@pytest.mark.parametrize("target", TARGETS)
def test_images_run_the_service_without_privileges(target: str) -> None:
    (user,) = _of(target, "USER")
    assert int(user.partition(":")[0]) > 0
    (entrypoint,), (command,) = _of(target, "ENTRYPOINT"), _of(target, "CMD")
    assert json.loads(entrypoint) + json.loads(command) == ["vitrine", "serve"]

    environment = _pairs(target, "ENV")
    assert environment["VITRINE_HOST"] == "0.0.0.0"
    assert _of(target, "VOLUME") == [environment["VITRINE_DATA_DIR"]] == ["/data"]
    assert _of(target, "EXPOSE") == [environment["VITRINE_PORT"]] == ["8000"]


@pytest.mark.parametrize("target", TARGETS)
def test_images_are_labelled(target: str) -> None:
    keys = {key.removeprefix("org.opencontainers.image.") for key in _pairs(target, "LABEL")}
    assert keys == {"title", "description", "licenses", "version", "revision"}
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert f"VERSION={version}" in _of(target, "ARG")


def test_the_two_images_differ_only_in_the_accelerator() -> None:
    for word in ("USER", "VOLUME", "EXPOSE", "HEALTHCHECK", "ENTRYPOINT", "CMD", "ARG"):
        assert _of("cpu", word) == _of("gpu", word), word
    cpu, gpu = (_pairs(target, "ENV") for target in TARGETS)
    assert gpu.keys() - cpu.keys() == {"VITRINE_PROVIDER", "LD_LIBRARY_PATH"}
    assert gpu["VITRINE_PROVIDER"] == "cuda"
    assert cpu.items() <= gpu.items()


def test_every_setting_named_exists_and_takes_its_value() -> None:
    environments = [_pairs(target, "ENV") for target in TARGETS]
    environments += [service.get("environment", {}) for service in SERVICES.values()]
    environments += [service.get("environment", {}) for service in GPU_SERVICES.values()]
    named = [
        (key.removeprefix("VITRINE_").lower(), value)
        for environment in environments
        for key, value in environment.items()
        if key.startswith("VITRINE_")
    ]

    assert {name for name, _ in named} <= Settings.model_fields.keys()
    assert "redis_url" in dict(named)
    for name, value in named:
        Settings(**{name: value})


def test_services_are_built_from_targets_that_exist() -> None:
    assert set(OURS) == {"api", "reindex"} == GPU_SERVICES.keys()
    for name in OURS:
        assert SERVICES[name]["build"] == {"context": ".", "target": "cpu"}
        assert GPU_SERVICES[name]["build"] == {"target": "gpu"}
        assert GPU_SERVICES[name]["image"] != SERVICES[name]["image"]
        (device,) = GPU_SERVICES[name]["deploy"]["resources"]["reservations"]["devices"]
        assert device["driver"] == "nvidia"
        assert device["capabilities"] == ["gpu"]
    assert "version" not in COMPOSE


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_is_hardened_and_bounded(name: str) -> None:
    service = SERVICES[name]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["read_only"] is True
    assert service["tmpfs"]
    assert re.fullmatch(r"\d+[mg]", service["mem_limit"])
    assert service["logging"]["options"]["max-size"]


@pytest.mark.parametrize("name", [n for n in SERVICES if "profiles" not in SERVICES[n]])
def test_what_keeps_running_is_restarted_and_has_a_health_check(name: str) -> None:
    assert SERVICES[name]["restart"] == "unless-stopped"
    own = SERVICES[name].get("healthcheck", {})
    assert not own.get("disable")
    assert "test" in own or all(_of(target, "HEALTHCHECK") for target in TARGETS)


def test_the_api_listens_on_loopback_where_the_image_exposes_it() -> None:
    (port,) = SERVICES["api"]["ports"]
    host, published, inside = port.split(":")
    assert (host, published) == ("127.0.0.1", "8000")
    assert _of("cpu", "EXPOSE") == [inside]


def test_the_api_finds_its_redis() -> None:
    assert SERVICES["api"]["environment"]["VITRINE_REDIS_URL"] == "redis://redis:6379/0"
    assert SERVICES["api"]["depends_on"] == {"redis": {"condition": "service_healthy"}}
    assert "ports" not in SERVICES["redis"]


def test_reindex_is_a_tool_that_shares_the_index_and_only_reads_the_catalogue() -> None:
    reindex = SERVICES["reindex"]
    assert reindex["profiles"] == ["tools"]
    assert reindex["restart"] == "no"
    index, catalogue = reindex["volumes"]
    assert [index] == SERVICES["api"]["volumes"] == ["data:/data"]
    assert "data" in COMPOSE["volumes"]
    assert catalogue["read_only"] is True
    assert catalogue["target"] == reindex["command"][0]


def test_commands_that_the_containers_run_exist() -> None:
    commands = get_command(app).commands  # type: ignore[attr-defined]
    assert {"serve", SERVICES["reindex"]["entrypoint"][1]} <= commands.keys()


def _redis_options() -> dict[str, str]:
    server, *words = SERVICES["redis"]["command"]
    assert server == "redis-server"
    return {key.removeprefix("--"): value for key, value in zip(*[iter(words)] * 2, strict=True)}


def _bytes(text: str) -> int:
    number, unit = re.fullmatch(r"(\d+)([mg])b?", text).groups()  # type: ignore[union-attr]
    return int(number) * {"m": 2**20, "g": 2**30}[unit]


def test_redis_is_a_bounded_cache_that_keeps_nothing() -> None:
    options = _redis_options()
    assert options["maxmemory-policy"] == "allkeys-lru"
    assert (options["save"], options["appendonly"]) == ("", "no")
    # Room for what Redis needs beside the values.
    assert _bytes(options["maxmemory"]) * 1.25 <= _bytes(SERVICES["redis"]["mem_limit"])


@contextmanager
def _answering(status: int) -> Iterator[str]:
    """Serve `status` on /livez, and 404 elsewhere; yield the port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status if self.path == "/livez" else 404)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Stay quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield str(server.server_port)
        finally:
            server.shutdown()
            thread.join()


def _health_check(port: str) -> int:
    (check,) = _of("cpu", "HEALTHCHECK")
    python, *arguments = json.loads(check.partition("CMD ")[2])
    assert python == "python"
    # A proxy in the environment must not stand between.
    environment = {"VITRINE_PORT": port, "http_proxy": "http://127.0.0.1:1", "no_proxy": ""}
    done = subprocess.run(
        [sys.executable, *arguments], check=False, env=environment, capture_output=True, timeout=60
    )
    return done.returncode


@pytest.mark.parametrize(("status", "healthy"), [(200, True), (503, False)])
def test_the_health_check_tells_the_living_from_the_dead(status: int, healthy: bool) -> None:
    with _answering(status) as port:
        assert (_health_check(port) == 0) is healthy


def test_the_health_check_fails_where_nothing_listens() -> None:
    with _answering(200) as port:
        pass
    assert _health_check(port) != 0
