"""The mark of simulated results, for which no network was trained.

Every output of simulated results has the mark `SIMULATED`.
"""

MARK = "SIMULATED"
EXPLANATION = (
    f"{MARK}: made up by --executor fake; nothing was trained, and the numbers say nothing about networks"
)


def marked(text: str, simulated: bool) -> str:
    """Returns a text, with the mark of simulated results in front if the results are simulated."""
    return f"{MARK} {text}" if simulated else text
