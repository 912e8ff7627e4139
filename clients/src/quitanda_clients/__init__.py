"""Quitanda's clients: a library of asynchronous clients and two command-line applications on top of it.

`admin_client.AdminClient` does what administrators do; `shop_client.ShopClient` is the interface of what
customers do, with one implementation over gRPC (`shop_over_grpc`) and one over MQTT (`shop_over_mqtt`).
Nothing is imported here, because every run of a command pays for what it imports.
"""
