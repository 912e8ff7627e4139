"""The change feed: what the leader publishes over MQTT."""
