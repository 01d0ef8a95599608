"""Conversion of text to HTML."""

from html import escape as escape_html

from ablate.output.visible import visible_lines


def escape(text: str) -> str:
    """Returns HTML that shows the text unchanged, except that control characters are visible."""
    return escape_html(visible_lines(text))
