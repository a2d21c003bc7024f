"""Runs of many calls: planned, bounded, cached and resumable."""
