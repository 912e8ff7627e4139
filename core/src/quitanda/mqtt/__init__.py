"""MQTT: the names of the topics, the feed's messages and their key."""
