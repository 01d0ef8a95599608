"""The mark of results that were made up and not trained. Every output about such results carries it."""

MARK = "SIMULATED"
EXPLANATION = (
    f"{MARK}: made up by --executor fake; nothing was trained, and the numbers say nothing about networks"
)


def marked(text: str, simulated: bool) -> str:
    """Returns a title, name or line, with the mark before it if it is about made-up results."""
    return f"{MARK} {text}" if simulated else text
