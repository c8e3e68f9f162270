"""The graders: MobileNetV3-Large per slice, gated attention over the slices of one place, three grades out."""
