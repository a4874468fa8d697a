"""Models of tables: what describes a member at a moment, trees over it, and calibration."""
