"""A command that rejects repeated options. Typer's parser would silently keep only the last value."""

from collections import Counter
from typing import Any

from typer.core import TyperCommand

from ablate.errors import SpecError

# Placeholder, in help texts, for the value of options that take a list of levels.
LEVELS = "LEVELS"


class NoRepeatedOptions(TyperCommand):
    """A command whose options can be given only once, except options that collect several values in a list."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parses the arguments of a command. Raises SpecError if an option for a single value is given repeatedly."""
        if not ctx.resilient_parsing:
            _, _, given = self.make_parser(ctx).parse_args(list(args))
            for option, count in Counter(given).items():
                if count > 1 and not getattr(option, "multiple", True):
                    flag = max(option.opts, key=len)
                    once = f"all levels in one list, as {flag} A,B" if option.metavar == LEVELS else "it once"
                    raise SpecError(
                        f"{flag}: given {count} times, of which only one would count; give {once}"
                    )
        return super().parse_args(ctx, args)
