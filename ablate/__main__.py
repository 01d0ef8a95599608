"""`python -m ablate`: the command line."""

from ablate.cli.main import main

if __name__ == "__main__":
    main()
