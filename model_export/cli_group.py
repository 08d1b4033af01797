"""A command group that is a command too: `vitrine-export SOURCE` beside `vitrine-export verify`.

words -> does the first name a command?  yes: as they are;  no: `DEFAULT` goes before them
"""

from typing import Any

from typer.core import TyperGroup

DEFAULT = "run"


class DefaultCommandGroup(TyperGroup):
    """Reads a first word that names no command as the first argument of `DEFAULT`.

    A source that is called like a command is given as a path: `./verify`.
    """

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Name the command that was left out; `--help` alone is the group's."""
        if args and args != ["--help"] and args[0] not in self.commands:
            args = [DEFAULT, *args]
        return super().parse_args(ctx, args)
