"""The metrics: one table each, numerator and denominator beside the value, per host and overall, without bots."""
