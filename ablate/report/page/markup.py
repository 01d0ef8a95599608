"""Text as HTML."""

from html import escape as escape_html

from ablate.output.visible import visible_lines


def escape(text: str) -> str:
    """Returns text as HTML that shows it unchanged, except that control characters are visible."""
    return escape_html(visible_lines(text))
