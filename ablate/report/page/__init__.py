"""Parts of the HTML report: tables, curves, and the files of its template, style and script."""
