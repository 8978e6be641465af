"""What a server's log-format string says: the fields of its lines, and the text between them.

Here belong Apache's and nginx's notations. How a line is read by such a layout belongs in `sources`; this room
stands below the settings, which refuse a string that cannot be understood.
"""
