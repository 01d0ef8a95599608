"""The parts of the report page: tables and curves as values, and its template, style and script as files."""
