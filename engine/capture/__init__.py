"""What is still open in a case and which commands would settle it: for the report, a script, or a debugger session."""
