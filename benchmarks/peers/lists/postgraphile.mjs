// PostGraphile 5 over the store's own table, as a library behind Node's own HTTP server, as its pages show it: the Amber
// preset, and its plugin for filters. PORT, DATABASE (a connection string) and DATABASE_SCHEMA say where.
import { createServer } from "node:http";

Promise.withResolvers ??= function withResolvers() { // Node 22 has it
  let resolve, reject;
  const promise = new this((yes, no) => { resolve = yes; reject = no; });
  return { promise, resolve, reject };
};

const { postgraphile } = await import("postgraphile");
const { makePgService } = await import("postgraphile/adaptors/pg");
const { grafserv } = await import("postgraphile/grafserv/node");
const { PostGraphileAmberPreset } = await import("postgraphile/presets/amber");
const { PostGraphileConnectionFilterPreset } = await import("postgraphile-plugin-connection-filter");

const { PORT, DATABASE, DATABASE_SCHEMA } = process.env;
const server = createServer();
const preset = {
  extends: [PostGraphileAmberPreset, PostGraphileConnectionFilterPreset],
  pgServices: [makePgService({ connectionString: DATABASE, schemas: [DATABASE_SCHEMA] })],
  disablePlugins: ["PgIndexBehaviorsPlugin"], // which offers no column with a partial index
  grafserv: { graphqlPath: "/graphql" },
};
await postgraphile(preset).createServ(grafserv).addTo(server);
server.listen(Number(PORT), "127.0.0.1");
