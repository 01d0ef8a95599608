"""Parts of the HTML report: tables, curves, and the files of the page's template, style and script."""
