"""Reports of findings as text, figures, HTML and machine-readable formats. All numbers are formatted here."""
