"""How a record is fetched. No GraphQL and no Starlette from here down.

The path of one id. There is no other way to a source, and each step awaits the next:

1. `global_id.decode` gives the source and the source's own id, in its one spelling; a malformed id ends here.
2. `Loaders.load` and `Loaders.request` (one request) look the id up in the record cache, or add it to the batch of the
   request.
3. `Scheduler.fetch_many` (all requests) joins a running fetch of the same record, or hands the id to `Dispatcher`.
4. When the source's `Transport` gives a permit (circuit breaker, concurrency limiter, rate limiter), as many ids that
   wait for one as a request can carry become a batch. `Dispatcher` runs a task for each.
5. The source's client turns a batch into requests: `fetch_many` in `nexudus/client.py`, `single_record_client.py`.
6. `Transport.fetch` sends each, and again where `Retries` allows it; `Attempts.make` sends once, within a time limit;
   `HttpClient.send` writes it on a connection and awaits the response.
7. `reply.decipher` (pure) makes a body, "no such record" or an `UpstreamError` of the response.
8. The source's `record.parse` (pure) makes a typed record of the body. The cache stores it; the loader returns it.

Packages: `nexudus/`, `chartmogul/` (the sources), `fetching/` (across requests), `resilience/` (limits and retries).
"""
