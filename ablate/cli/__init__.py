"""The command line, with one module per command.

Each module parses options, calls the library, prints the results and sets the exit code.
"""
