"""Website events in; trusted daily tables and guarded growth metrics out."""
