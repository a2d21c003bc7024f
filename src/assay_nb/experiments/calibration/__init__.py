"""Calibration: how far a judge, and the measurement itself, can be trusted."""
