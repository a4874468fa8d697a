"""Why a member is flagged: reasons that hold when their evidence is taken away, and what clears it."""
