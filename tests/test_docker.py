"""The Dockerfile runs a command that exists, on files that are copied, as no privileged user."""

from __future__ import annotations

import json
import re
from pathlib import Path

from explore_async.cli.serve import serve
from explore_async.portal.access_log import HEALTH_PATH

ROOT = Path(__file__).parents[1]
LINES = (ROOT / "Dockerfile").read_text(encoding="utf-8").splitlines()


def said(instruction: str) -> list[str]:
    """Return the arguments of each use of an instruction."""
    return [line.removeprefix(f"{instruction} ") for line in LINES if line.startswith(instruction)]


def test_the_command_line_is_valid() -> None:
    """It serves the mounted folder to the outside of the container."""
    (entry,), (command,) = map(json.loads, said("ENTRYPOINT")), map(json.loads, said("CMD"))
    assert entry[:2] == ["explore", "serve"]
    options = serve.make_context("serve", [*entry[2:], *command]).params
    assert (options["host"], options["paths"], options["access_log"]) == (
        "0.0.0.0",
        (Path("/data"),),
        True,
    )


def test_the_health_check_asks_the_served_port() -> None:
    """With a program that the image has."""
    (check,) = said("HEALTHCHECK")
    program = json.loads(check.partition("CMD ")[2])
    assert program[:2] == ["python", "-c"]
    compile(program[2], "<health>", "exec")
    (port,) = said("EXPOSE")
    assert f"http://127.0.0.1:{port}{HEALTH_PATH}" in program[2]
    (entry,) = map(json.loads, said("ENTRYPOINT"))
    assert serve.make_context("serve", entry[2:]).params["port"] == int(port)


def test_the_last_user_is_not_privileged() -> None:
    """A number, so that an orchestrator can see it."""
    assert int(said("USER")[-1]) > 0


def test_what_is_copied_exists_and_is_not_ignored() -> None:
    """`.dockerignore` lists what is sent to the build, which is what it copies."""
    allowed = re.findall(r"^!(\S+)$", (ROOT / ".dockerignore").read_text(), re.MULTILINE)
    copied = [name for one in said("COPY") if "--from" not in one for name in one.split()[:-1]]
    assert sorted(copied) == sorted(allowed)
    assert all((ROOT / name).exists() for name in copied)


def test_the_image_has_a_supported_python() -> None:
    """The same in both stages."""
    images = {one.split()[0] for one in said("FROM")}
    assert len(images) == 1
    minor = re.fullmatch(r"python:(3\.\d+)-slim", images.pop())
    assert minor is not None
    assert f'Python :: {minor[1]}"' in (ROOT / "pyproject.toml").read_text(encoding="utf-8")
