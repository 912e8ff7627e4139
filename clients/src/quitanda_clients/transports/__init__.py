"""How the clients' requests travel: over gRPC to the portals, or over MQTT through a broker."""
