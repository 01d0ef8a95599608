"""Pure functions that turn data frames into matplotlib figures. The functions do not use pyplot or its global state."""
