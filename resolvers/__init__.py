"""How a record is fetched. No GraphQL and no Starlette from here down. Folders are sources, files are machinery.

The journey of one id, step by step. There is no other way to a source, and each step awaits the next:

1. `global_id.decode` gives the source and the source's own id, in its one spelling; a malformed id ends here.
2. `Loaders.load` and `Loaders.ask` (one request) look into the cache, or join the id to the request's batch.
3. `Scheduler.fetch_many` (all requests) joins a fetch of the same record that is under way, or queues the id.
4. When the source's `Transport` gives a permit (breaker, place, budget), ids leave the queue together, as many as one
   request can carry. `SharedFetches` runs a task for each such batch.
5. The source's client makes requests of it: `Client.fetch_many` in `nexudus/client.py`, `get_one.py`.
6. `Transport.fetch` sends each, and again where `Retries` says so; `Attempt.make` sends once, within a time limit;
   `HttpClient.make` writes it on a connection and awaits the reply.
7. `reply.decipher` (pure) makes a body, "no such record" or an `UpstreamError` of the reply.
8. The source's `record.parse` (pure) makes a typed record of the body. The cache keeps it; the loader hands it out.
"""
