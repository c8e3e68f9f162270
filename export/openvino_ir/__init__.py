"""From a trained torch module to the INT8 IR that the appliance runs."""
