"""One module per command: parse, build a spec, call, print, set the exit code."""
