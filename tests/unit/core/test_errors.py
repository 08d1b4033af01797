"""The tree of errors is the one its docstring draws, and every branch has a code of its own."""

import re
from collections.abc import Iterator

from service.core import errors
from service.core.errors import VitrineError


def subclasses(of: type[VitrineError]) -> Iterator[type[VitrineError]]:
    for child in of.__subclasses__():
        if child.__module__ == errors.__name__:
            yield child
            yield from subclasses(child)


ALL = [VitrineError, *subclasses(VitrineError)]


def drawn_parents() -> dict[str, str | None]:
    """Read name -> parent's name off the docstring's drawing, by indentation."""
    parents: dict[str, str | None] = {}
    path: list[tuple[int, str]] = []
    for line in (errors.__doc__ or "").splitlines():
        if found := re.match(r"[\s│├└─]*?(\w+Error)\b", line):
            column, name = found.start(1), found[1]
            path = [(at, above) for at, above in path if at < column]
            parents[name] = path[-1][1] if path else None
            path.append((column, name))
    return parents


def test_the_docstring_draws_the_tree() -> None:
    real = {kind.__name__: kind.__bases__[0].__name__ for kind in ALL[1:]}
    assert drawn_parents() == {"VitrineError": None} | real


def test_every_error_of_the_module_is_a_vitrine_error() -> None:
    raised = {v for v in vars(errors).values() if isinstance(v, type) and issubclass(v, Exception)}
    assert raised == set(ALL)


def test_every_error_has_a_code_of_its_own() -> None:
    codes = [kind.__dict__.get("code") for kind in ALL]
    assert None not in codes, "a code that is inherited cannot be told from its parent's"
    assert len(set(codes)) == len(codes)
    assert all(re.fullmatch(r"[a-z]+(_[a-z]+)*", str(code)) for code in codes)


def test_every_error_says_what_it_is_for() -> None:
    assert not [kind.__name__ for kind in ALL if not kind.__doc__]
