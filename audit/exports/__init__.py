"""Machine formats of a run by name: each row names a function (run, folder) → the files written."""

EXPORTERS: dict[str, str] = {
    "csv": "audit.exports.csv:export",
    "json": "audit.exports.json:export",
    "junit": "audit.exports.junit:export",
    "markdown": "audit.exports.markdown:export",
    "sarif": "audit.exports.sarif:export",
}
