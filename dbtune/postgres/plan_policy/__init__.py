"""``explain check``: what plans may do, by a policy file and plans of before (the baseline)."""
