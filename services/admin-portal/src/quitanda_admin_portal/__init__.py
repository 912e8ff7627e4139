"""The admin portal: customers, products, stock and the state of the cluster, over gRPC."""
