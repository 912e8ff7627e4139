"""The administrators' door: customers, products, stock and the state of the cluster, on gRPC."""
