-- All settings as a session of this role begins with them: dbtune's own has time limits.
-- Least privilege: none; some are left out without pg_read_all_settings.
SELECT s.name, COALESCE(s.reset_val, s.setting, '') AS value, COALESCE(s.unit, '') AS unit, s.source,
       COALESCE(s.boot_val, '') AS boot_value, s.pending_restart,
       s.vartype AS kind, COALESCE(s.sourcefile, '') AS file, s.enumvals AS enums
FROM pg_catalog.pg_settings s
ORDER BY 1
