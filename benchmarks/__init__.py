"""How fast it is, and how much memory it takes: `python -m benchmarks day --events 10000000`. No part is a test.

Each contender is a process of its own. They take turns, several times over, so that whatever else the machine does
meets them all; what counts is the ratio of their medians within one run. Worlds are made once, from a seed, and kept.

And how well it judges: `python -m benchmarks alarms` counts false alarms and what is seen of what is wrong.
"""
