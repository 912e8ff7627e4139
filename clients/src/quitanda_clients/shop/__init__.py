"""The application quitanda-shop: orders and products, for customers, over gRPC or MQTT."""
