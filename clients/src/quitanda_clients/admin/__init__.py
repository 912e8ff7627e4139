"""The application quitanda-admin: customers, products, stock and the cluster, for administrators."""
