"""The customers' door: the same operations on gRPC and on MQTT."""
