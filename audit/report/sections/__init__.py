"""One part of the report a module: `section(run)` gives what the template of the same name needs."""
