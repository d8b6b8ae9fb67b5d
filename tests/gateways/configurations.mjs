// The configurations for gateways that npm does not have: each file is read, each supergraph composed with the composer
// that the gateway's own command uses.
import { readFileSync } from 'node:fs';
import { composeServices } from '@apollo/composition';
import { federateSubgraphs, LATEST_ROUTER_COMPATIBILITY_VERSION } from '@wundergraph/composition';
import { parse } from 'graphql';
import { parse as parseYaml } from 'yaml';
import { check, checkEqual, finish } from './checks.mjs';

const folder = (name) => new URL(`../../examples/${name}/`, import.meta.url);
const read = (name, file) => parseYaml(readFileSync(new URL(file, folder(name)), 'utf8'));
const schema = (name, file) => parse(readFileSync(new URL(file, folder(name)), 'utf8'));

const rover = read('apollo-router', 'supergraph.yaml');
const roverSubgraphs = Object.entries(rover.subgraphs).map(([name, { routing_url: url, schema: { file } }]) => ({
  name,
  url,
  typeDefs: schema('apollo-router', file),
}));
const composed = composeServices(roverSubgraphs);
check('Apollo Router: the supergraph composes', !composed.errors?.length, composed.errors?.map(({ message }) => message));
check('Apollo Router: federation is pinned to a version of 2', /^=2\.\d+\.\d+$/.test(rover.federation_version), rover);

const wgc = read('cosmo', 'graph.yaml');
const cosmoSubgraphs = wgc.subgraphs.map(({ name, routing_url: url, schema: { file } }) => ({
  name,
  url,
  definitions: schema('cosmo', file),
}));
const federated = federateSubgraphs({ subgraphs: cosmoSubgraphs, version: LATEST_ROUTER_COMPATIBILITY_VERSION });
check('Cosmo: the supergraph composes', federated.success, federated.errors?.map(({ message }) => message));
checkEqual('Cosmo: the version of the input file', wgc.version, 1);
checkEqual('Cosmo: subscriptions are asked for as server-sent events', wgc.subgraphs[0].subscription, { protocol: 'sse_post' });

const addresses = (subgraphs) => Object.fromEntries(subgraphs.map(({ name, url }) => [name, url]));
checkEqual('both name the same subgraphs', addresses(cosmoSubgraphs), addresses(roverSubgraphs));

const seconds = (text) => Number(/^(\d+)s$/.exec(text)?.[1]);
const router = read('apollo-router', 'router.yaml');
const cosmo = read('cosmo', 'config.yaml');
const timeouts = [
  router.traffic_shaping.subgraphs.opportunities.timeout,
  cosmo.traffic_shaping.subgraphs.opportunities.request_timeout,
];
const deadline = Number(
  /OPERATION_DEADLINE_SECONDS=(\d+)/.exec(readFileSync(new URL('../../.env.example', import.meta.url), 'utf8'))?.[1],
);
check('both wait longer than the graph may take', timeouts.every((text) => seconds(text) > deadline), [timeouts, deadline]);
check('Apollo Router shows its clients the errors', router.include_subgraph_errors.subgraphs.opportunities, router);
checkEqual('Cosmo shows its clients what is in an error', cosmo.subgraph_error_propagation.allowed_extension_fields, [
  'code',
  'source',
  'retryable',
  'retryAfterSeconds',
]);
finish();
