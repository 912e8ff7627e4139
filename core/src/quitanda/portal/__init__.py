"""The one implementation behind both portals: their servers, their operations, and the life of their process (asyncio).

composition          puts a portal's parts together       process       runs them until a signal comes
grpc_servicer        serves the portal's gRPC service     mqtt_gateway  takes requests from the broker
compat_servicer      serves the course's contract         mqtt_requests reads them and writes the replies
operations           checks, executes or reads            cluster_admin the operations on the cluster itself
certificate_issuer   customers' certificates
ids                  ids and times that a portal chooses  deadlines     how long an operation may take
servers, readiness   all servers as one part; their health
"""
