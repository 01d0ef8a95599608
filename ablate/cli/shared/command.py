"""A command that refuses an option given twice, of which the parser would silently keep the last."""

from collections import Counter
from typing import Any

from typer.core import TyperCommand

from ablate.errors import SpecError

# The metavar of options that take a list of levels.
LEVELS = "LEVELS"


class NoRepeatedOptions(TyperCommand):
    """A command whose options are given once, but for those that collect what they are given."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parses as any command does.

        Raises:
            SpecError: An option that holds one value is given more than once.
        """
        if not ctx.resilient_parsing:
            _, _, given = self.make_parser(ctx).parse_args(list(args))
            options = [each for each in given if not getattr(each, "multiple", True)]
            for option, count in Counter(options).items():
                if count > 1:
                    flag = max(option.opts, key=len)
                    levels = option.metavar == LEVELS
                    advice = f"all levels in one list, as {flag} A,B" if levels else "it once"
                    raise SpecError(
                        f"{flag}: given {count} times, of which only one would count; give {advice}"
                    )
        return super().parse_args(ctx, args)
