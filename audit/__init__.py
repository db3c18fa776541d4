"""Finds out whether a language model treats people differently because of who they appear to be.

One item of data flows one way, and the folder listing is that way:

    suite → expand → collect → score → effects → explain → findings → report

In Python: `audit.run("hiring", model="reference:screening-v1").findings`; docs/api.md has the rest.
"""

from audit.api import OpenComparison, OpenFinding, OpenPair, OpenRun, check, compare_runs, open, plan, run
from audit.errors import AuditError, IncompleteError, InputError, MissingExtra
from audit.records import Exclusion, Finding, ModelIdentity, Prompt, Question, Run
from audit.runs import read_run

__version__ = "0.1.0"
__all__ = [
    "AuditError",
    "Exclusion",
    "Finding",
    "IncompleteError",
    "InputError",
    "MissingExtra",
    "ModelIdentity",
    "OpenComparison",
    "OpenFinding",
    "OpenPair",
    "OpenRun",
    "Prompt",
    "Question",
    "Run",
    "__version__",
    "check",
    "compare_runs",
    "open",
    "plan",
    "read_run",
    "run",
]
