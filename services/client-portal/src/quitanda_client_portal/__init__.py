"""The client portal: orders and products, the same operations over gRPC and over MQTT."""
