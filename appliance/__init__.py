"""Lumbarbox: reads lumbar-spine MRI on a small Intel box. A pre-screening aid, never a diagnosis."""

__version__ = "0.1.0"
