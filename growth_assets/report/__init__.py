"""Answers for people: the questions of a growth team, from the published tables."""
