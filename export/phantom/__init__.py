"""A digital lumbar spine: seeded anatomy, grades that are lengths and areas, drawn as MRI, written as DICOM.

Public: `render_study`, `write_study`, `PhantomOptions`, `RenderedStudy`, `PhantomTruth`.
Everything made here is synthetic, and every file says so.
"""

from export.phantom.options import PhantomOptions
from export.phantom.study import RenderedSeries, RenderedSlice, RenderedStudy, render_study
from export.phantom.truth import PhantomTruth
from export.phantom.write import write_study

__all__ = [
    "PhantomOptions",
    "PhantomTruth",
    "RenderedSeries",
    "RenderedSlice",
    "RenderedStudy",
    "render_study",
    "write_study",
]
