// Composes the supergraph with Hive's own composer and writes it to `supergraph.graphql`.
import { readFileSync, writeFileSync } from 'node:fs';
import { composeServices } from '@theguild/federation-composition';
import { parse } from 'graphql';

const SUBGRAPHS = [
  ['opportunities', '../../schema.graphql', process.env.OPPORTUNITIES_URL ?? 'http://127.0.0.1:8000/graphql'],
  ['contracts', '../subgraphs/contracts.graphql', process.env.CONTRACTS_URL ?? 'http://127.0.0.1:4001/'],
  ['reviews', '../subgraphs/reviews.graphql', process.env.REVIEWS_URL ?? 'http://127.0.0.1:4002/'],
  ['nodes', '../subgraphs/nodes.graphql', process.env.NODES_URL ?? 'http://127.0.0.1:4003/'],
];

const { errors, supergraphSdl } = composeServices(
  SUBGRAPHS.map(([name, file, url]) => ({
    name,
    url,
    typeDefs: parse(readFileSync(new URL(file, import.meta.url), 'utf8')),
  })),
);
if (errors?.length) {
  for (const { message } of errors) console.error(message);
  process.exit(1);
}
writeFileSync(new URL('supergraph.graphql', import.meta.url), supergraphSdl);
