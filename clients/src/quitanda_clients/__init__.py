"""Quitanda's clients: a library of asynchronous clients, and two command-line applications on top of it.

`client.AdminClient` does what administrators do, `client.ShopClient` what customers do, over gRPC or MQTT
(`transports`). `connecting` makes both. Nothing is imported here, because every run of a command pays for what it
imports.
"""
