"""Writing the files that options name."""

from pathlib import Path

from ablate.errors import StoreError


def write(
    path: Path, content: str | bytes, option: str, *, append: bool = False, make_folder: bool = False
) -> Path:
    """Writes a file and returns its path.

    Args:
        path: Where to.
        content: Text is encoded as UTF-8.
        option: The option that named the path, for the error.
        append: Whether to keep what the file holds.
        make_folder: Whether to make the folder of the file.

    Raises:
        StoreError: The file cannot be written.
    """
    data = content.encode(errors="replace") if isinstance(content, str) else content
    try:
        if make_folder:
            path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab" if append else "wb") as file:
            file.write(data)
    except OSError as error:
        another = "folder" if make_folder else "file"
        raise StoreError(
            f"{option}: {str(path)!r} cannot be written ({error.strerror}); choose another {another}"
        ) from error
    return path
