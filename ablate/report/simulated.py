"""The mark of results that were made up and not trained. Every output of such results has this mark."""

MARK = "SIMULATED"
EXPLANATION = (
    f"{MARK}: made up by --executor fake; nothing was trained, and the numbers say nothing about networks"
)


def marked(text: str, simulated: bool) -> str:
    """Returns a title, name or line. The mark is put before it if results are made up."""
    return f"{MARK} {text}" if simulated else text
