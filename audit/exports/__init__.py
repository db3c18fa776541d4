"""Machine formats of a run by name: each row names a function (run, folder) → the files written."""

EXPORTERS: dict[str, str] = {
    "csv": "audit.exports.csv:export",
    "json": "audit.exports.json:export",
    "junit": "audit.exports.junit:export",
    "markdown": "audit.exports.markdown:export",
    "sarif": "audit.exports.sarif:export",
}

COMPARED: dict[str, str] = {
    "json": "audit.exports.json:compared",
    "junit": "audit.exports.junit:compared",
    "markdown": "audit.exports.markdown:compared",
    "sarif": "audit.exports.sarif:compared",
}
"""Machine formats of a comparison by name: each row names a function (comparison) → the file's bytes."""
