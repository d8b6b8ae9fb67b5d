import Fastify from 'fastify';
import mercurius from 'mercurius';
import { context, port, schema } from './graph.mjs';

const app = Fastify();
app.register(mercurius, { schema, context, jit: 1, cache: 2048 });
await app.listen({ port, host: '127.0.0.1' });
