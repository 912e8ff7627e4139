"""Replicas and portals of other versions beside this one, and data that an earlier version wrote."""
