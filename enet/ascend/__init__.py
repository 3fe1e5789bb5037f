"""Ascend's tools, one module each: commands built by pure functions, their output parsed, their errors told as ours."""
