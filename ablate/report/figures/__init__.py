"""Pure functions that turn data frames into matplotlib figures.

The functions of this package do not use pyplot or its global state.
"""
