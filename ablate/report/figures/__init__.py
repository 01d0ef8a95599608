"""Pure functions that turn data frames into matplotlib figures. They do not use pyplot or its global state."""
