"""``explain diff``: two plans aligned and compared. Pure: plans in, a report out."""
