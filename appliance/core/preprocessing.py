"""From pixels to what a model sees: window, letterbox, crop in millimetres.

Training and reading call these same functions, so a model never meets a picture made another way.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from appliance.core.geometry import ImagePlane, PixelMm

LOW_PERCENTILE, HIGH_PERCENTILE = 1.0, 99.5
"""Window ends. Rescale is absent in four files of five, so intensities mean nothing between scanners."""

PAD_GREY = 114
"""Letterbox filling, as YOLOv8 was trained."""

BAND_ROWS = 64


@dataclass(frozen=True, slots=True)
class Window:
    """Grey values shown as black and as white."""

    low: float
    high: float

    def apply(self, pixels: NDArray[np.floating]) -> NDArray[np.uint8]:
        """Any shape of intensities to 0-255, clipped."""
        span = max(self.high - self.low, 1e-6)
        grey = pixels - self.low
        grey /= span
        np.clip(grey, 0, 1, out=grey)
        grey *= 255
        grey += 0.5
        return grey.astype(np.uint8)


def window_of(*pictures: NDArray[np.floating]) -> Window:
    """The percentile window of a whole stack; one window for all, so that slices stay comparable."""
    sample = np.concatenate([p[::4, ::4].ravel() for p in pictures])
    low, high = np.percentile(sample, (LOW_PERCENTILE, HIGH_PERCENTILE))
    return Window(float(low), float(high))


@dataclass(frozen=True, slots=True)
class Letterbox:
    """How a picture was fitted into the detector's square: scaled, then placed at (left, top)."""

    scale_x: float
    scale_y: float
    left: int
    top: int

    def to_image(self, boxes: NDArray[np.floating]) -> NDArray[np.float64]:
        """(n, 4) x0 y0 x1 y1 in the square to the picture's own pixels (edges, pixel centres at whole numbers)."""
        b = np.asarray(boxes, dtype=np.float64)
        offset = np.array([self.left, self.top, self.left, self.top])
        scale = np.array([self.scale_x, self.scale_y, self.scale_x, self.scale_y])
        return np.asarray((b - offset) / scale - 0.5)


def letterbox(
    picture: NDArray[np.uint8], size: int, pixel_mm: PixelMm | None = None, finest_mm: float = 0.0
) -> tuple[NDArray[np.uint8], Letterbox]:
    """Fit (rows, columns) grey into the middle of (size, size), keeping millimetres square.

    A pixel of the square is never finer than `finest_mm`, so that a small field of view is not blown up: anatomy keeps
    its size from scanner to scanner. Where `pixel_mm` is not known the picture fills the square.
    """
    rows, columns = picture.shape
    top, left, height, width = placed(rows, columns, size, pixel_mm or (1.0, 1.0), finest_mm if pixel_mm else 0.0)
    square = np.full((size, size), PAD_GREY, dtype=np.uint8)
    square[top : top + height, left : left + width] = resize(picture, height, width)
    return square, Letterbox(width / columns, height / rows, left, top)


def placed(rows: int, columns: int, size: int, pixel_mm: PixelMm, finest_mm: float) -> tuple[int, int, int, int]:
    """(top, left, height, width) of a picture in the middle of the square; see `letterbox`."""
    row_mm, column_mm = pixel_mm
    step = max(rows * row_mm / size, columns * column_mm / size, finest_mm)
    height, width = max(1, round(rows * row_mm / step)), max(1, round(columns * column_mm / step))
    return (size - height) // 2, (size - width) // 2, height, width


def resize(picture: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    """Bilinear to (height, width); area-averaged first where it shrinks by two or more, so nothing aliases."""
    rows, columns = picture.shape
    fy, fx = max(1, rows // height), max(1, columns // width)
    image = _average_blocks(picture.astype(np.float32), fy, fx)
    y = (np.arange(height) + 0.5) * rows / height / fy - 0.5
    x = (np.arange(width) + 0.5) * columns / width / fx - 0.5
    grid = _bilinear_grid(image, y, x)
    grid += 0.5
    return grid.astype(np.uint8)


def crop_mm(
    picture: NDArray[np.floating], plane: ImagePlane, center_px: tuple[float, float], size_mm: float, size_px: int,
) -> NDArray[np.float32]:
    """A square of `size_mm` around `center_px`, resampled to (size_px, size_px); outside the picture is 0.

    Rows and columns keep the picture's own directions.
    """
    step = size_mm / size_px
    offsets = (np.arange(size_px) - (size_px - 1) / 2) * step
    y = center_px[1] + offsets / plane.row_spacing
    x = center_px[0] + offsets / plane.column_spacing
    image = picture.astype(np.float32, copy=False)
    inside_y = (y > -0.5) & (y < image.shape[0] - 0.5)
    inside_x = (x > -0.5) & (x < image.shape[1] - 0.5)
    out = _bilinear_grid(image, y, x)
    return np.asarray(out * (inside_y[:, None] & inside_x[None, :]), dtype=np.float32)


def mirror(crops: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Flip left and right: (..., rows, columns). A mirrored left is a right."""
    return np.ascontiguousarray(crops[..., ::-1])


def _average_blocks(image: NDArray[np.float32], fy: int, fx: int) -> NDArray[np.float32]:
    """Means of (fy, fx) blocks; a last block that is not full is filled by its edge."""
    if fy == 1 and fx == 1:
        return image
    padded = np.pad(image, ((0, -image.shape[0] % fy), (0, -image.shape[1] % fx)), mode="edge")
    rows, columns = padded.shape
    return np.asarray(padded.reshape(rows // fy, fy, columns // fx, fx).mean(axis=(1, 3)))


def _bilinear_grid(image: NDArray[np.float32], y: NDArray[np.floating], x: NDArray[np.floating]) -> NDArray[np.float32]:
    """Sample at every (y, x) of a rectangular grid of rising y and x, edges held: first across, then down.

    In bands of rows that stay in the processor's cache: seven times faster than all at once.
    """
    y0, y1, wy = _neighbours(y, image.shape[0])
    x0, x1, wx = _neighbours(x, image.shape[1])
    out = np.empty((len(y), len(x)), dtype=np.float32)
    for start in range(0, len(y), BAND_ROWS):
        band = slice(start, start + BAND_ROWS)
        first, down = int(y0[start]), wy[band, None]
        rows = image[first : int(y1[band][-1]) + 1]
        across = rows.take(x0, axis=1) * (1 - wx) + rows.take(x1, axis=1) * wx
        out[band] = across.take(y0[band] - first, axis=0) * (1 - down)
        out[band] += across.take(y1[band] - first, axis=0) * down
    return out


def _neighbours(
    at: NDArray[np.floating], count: int
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float32]]:
    clipped = np.clip(at, 0, count - 1)
    low = np.floor(clipped).astype(np.intp)
    return low, np.minimum(low + 1, count - 1), (clipped - low).astype(np.float32)
