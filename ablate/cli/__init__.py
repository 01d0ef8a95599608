"""One module per command. Each parses options, calls the library, prints the results and sets the exit code."""
