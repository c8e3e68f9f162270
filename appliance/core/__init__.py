"""The pure core: standard library and NumPy only, no files, no sockets, no clock.

`tests/test_architecture.py` holds this rule.
"""
