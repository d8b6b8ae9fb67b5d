"""How a record is fetched. No GraphQL and no Starlette from here down. Folders are sources, files are machinery.

The journey of one id, step by step:

1. `global_id.decode` tells the source and the source's own id, in its one spelling; a malformed id ends here.
2. `Loaders.load` (one request) asks the cache, or joins the id to the request's batch.
3. `Fetcher.fetch_many` (all requests) joins a fetch of the same record that is under way, or queues the id.
4. When the source's `Budget` lets a request go, ids leave the queue together, as many as one request can carry.
5. The source's client makes requests of them: `nexudus/client.py`, `chartmogul/client.py`.
6. `Transport.fetch` sends each, within deadline, places and breaker, and again where `Retries` says so.
7. `reply.decipher` (pure) makes a body, "no such record" or an `UpstreamError` of the answer.
8. The source's `record.parse` (pure) makes a typed record of the body. The cache keeps it; the loader hands it out.
"""
