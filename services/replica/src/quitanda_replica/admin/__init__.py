"""What administrators do with one replica or its data folder."""
