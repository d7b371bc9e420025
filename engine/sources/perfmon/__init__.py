"""Logs of Performance Monitor: the CSV and TSV that perfmon, relog, logman and typeperf write, read into cases."""

from .series import read
from .sheet import is_binary, is_perfmon

__all__ = ["is_binary", "is_perfmon", "read"]
