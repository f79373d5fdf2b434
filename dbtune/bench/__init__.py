"""Measuring: interleaved rounds, estimates with intervals, and what follows from them.

Pure: what is measured, and by which driver, is each engine's business (``postgres/bench``).
"""
