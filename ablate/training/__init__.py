"""One stack trained and evaluated on one device."""
