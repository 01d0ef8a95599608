"""`python -m ablate`: the command line."""

import sys

if __name__ == "__main__":
    # `python -m` puts the current folder first on the import path, where a stranger's file could replace any module.
    folder = "" if sys.flags.safe_path else sys.path.pop(0)
    if folder and __file__.startswith(f"{folder}/ablate/"):  # ablate itself was imported from there
        sys.path.append(folder)
    from ablate.cli.main import main

    main()
