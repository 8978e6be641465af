"""Alerts: what is an incident, what is said about it, where that is kept, and through which channels it goes.

Nothing here knows Dagster: what the checks found comes in as `seen.Seen`, in the order of Dagster's event log.
"""
