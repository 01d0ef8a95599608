"""Reports of findings as text, figures, HTML and machine-readable formats. This package formats all numbers."""
