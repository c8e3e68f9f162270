"""What the models are worth, part by part; `python -m export.evaluate` is the door."""
