"""Control characters as visible escapes, so that foreign text can neither control a terminal nor fake a line."""

import re

# Controls (C0, DEL, C1), marks that reorder text, separators of lines, and code points that no text may hold.
_HIDDEN = (
    "\x00-\x1f\x7f-\x9f"
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
    "\u2028\u2029\ufeff"
    "\ud800-\udfff\ufffe\uffff"
)
_IN_LINE = re.compile(f"[{_HIDDEN}]")
_IN_LINES = re.compile(f"(?![\n\t])[{_HIDDEN}]")


def visible(text: str) -> str:
    r"""Returns the text on one line: each control character becomes its Python escape, such as `\x1b` or `\n`."""
    return _IN_LINE.sub(_escape, text)


def visible_lines(text: str) -> str:
    """Returns the text like `visible`, but with its newlines and tabs unchanged."""
    return _IN_LINES.sub(_escape, text)


def _escape(match: re.Match[str]) -> str:
    return match[0].encode("unicode_escape").decode("ascii")
