"""Wire formats: the bytes of a landed file become received events and rejected lines.

Here belong opening and decompressing a file, its fingerprint, cutting it into lines, finding out its format,
and one file a format. What an event means (its action, country, visitor) does not belong here. A new format
is one new file with a `FORMAT` in it, and its line in `formats.py`.
"""
