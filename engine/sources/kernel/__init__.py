"""Kernel memory as a source of facts: what a kernel, full or automatic dump holds, read straight from its pages."""

from .facts import read_kernel

__all__ = ["read_kernel"]
