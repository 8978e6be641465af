"""What a table is: its columns, its rules, its key. Imports nothing of the project.

Here belong the shared vocabulary of columns (`columns`), the contract that a table keeps (`contract`) and the
declaration of a table (`table`). What a table computes stands in that table's own file.
"""
