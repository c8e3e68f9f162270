"""Readers that turn each data set into one type: `export.datasets.sample.LabelledStudy`."""
