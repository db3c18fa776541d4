"""The report: a finished run as one HTML page and one PDF. Adding a section is a row here and two files.

Each row names a function in `sections/`; the template of the same name lies in `templates/sections/`.
"""

SECTIONS: dict[str, str] = {
    "summary": "audit.report.sections.summary:section",
    "findings": "audit.report.sections.findings:section",
    "coverage": "audit.report.sections.coverage:section",
    "responsibilities": "audit.report.sections.responsibilities:section",
    "system": "audit.report.sections.system:section",
    "criteria": "audit.report.sections.criteria:section",
    "method": "audit.report.sections.method:section",
    "differences": "audit.report.sections.differences:section",
    "outcomes": "audit.report.sections.outcomes:section",
    "intersections": "audit.report.sections.intersections:section",
    "subgroups": "audit.report.sections.subgroups:section",
    "explanations": "audit.report.sections.explanations:section",
    "triggers": "audit.report.sections.triggers:section",
    "reliability": "audit.report.sections.reliability:section",
    "limits": "audit.report.sections.limits:section",
    "evidence": "audit.report.sections.evidence:section",
    "policy_tables": "audit.report.sections.policy_tables:section",
    "clauses": "audit.report.sections.clauses:section",
    "classical": "audit.report.sections.classical:section",
    "tables": "audit.report.sections.tables:section",
    "glossary": "audit.report.sections.glossary:section",
}
