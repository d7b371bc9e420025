"""Debugger logs: what WinDbg or kd printed, pasted or logged, read into cases (see reader)."""
