"""The report in RSNA 2024's submission form. Pure.

A place that was not assessed has no row: the form knows no "not assessed", and equal thirds would look like a finding.
"""

from __future__ import annotations

from appliance.core.report import Report

HEADER = "row_id,normal_mild,moderate,severe"


def to_csv(report: Report) -> str:
    """`row_id` is `<study>_<condition>_<level>`, as in RSNA's sample submission."""
    rows = [
        f"{report.study_uid}_{f.condition}_{f.level},{','.join(f'{p:.6f}' for p in f.probabilities)}"
        for f in report.findings
        if f.probabilities is not None
    ]
    return "\n".join([HEADER, *rows]) + "\n"
