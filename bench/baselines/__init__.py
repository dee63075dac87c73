"""Other operators for the same resource, as processes of their own: what ours is measured against."""
