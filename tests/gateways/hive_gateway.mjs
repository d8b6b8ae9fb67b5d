// Hive Gateway with Hive Router's query planner, composed and configured as examples/hive-gateway has it.
import { spawn, spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { serve } from '../../examples/subgraphs/subgraphs.mjs';
import { ask, check, finish, firstEvent, freePort, SERVER } from './checks.mjs';
import { checkGateway } from './scenarios.mjs';

const folder = fileURLToPath(new URL('../../examples/hive-gateway/', import.meta.url));
const others = await Promise.all(['contracts', 'reviews', 'nodes'].map((name) => serve(name, { opportunities: SERVER })));
const port = await freePort();
const env = {
  PATH: process.env.PATH,
  HOME: process.env.HOME,
  OPPORTUNITIES_URL: SERVER,
  PORT: String(port),
  ...Object.fromEntries(others.map(({ name, url }) => [`${name.toUpperCase()}_URL`, url])),
};

const composed = spawnSync(process.execPath, ['compose.mjs'], { cwd: folder, env, encoding: 'utf8' });
check('the example composes', composed.status === 0, composed.stdout + composed.stderr);

const command = ['node_modules/@graphql-hive/gateway/dist/bin.js', 'supergraph', '--fork', '1'];
const gateway = spawn(process.execPath, command, { cwd: folder, env, stdio: ['ignore', 'pipe', 'pipe'] });
let log = '';
gateway.stdout.on('data', (text) => (log += text));
gateway.stderr.on('data', (text) => (log += text));

const url = `http://127.0.0.1:${port}/graphql`;
let isUp = false;
for (let attempt = 0; attempt < 240 && !isUp && gateway.exitCode === null; attempt += 1) {
  await new Promise((resolve) => setTimeout(resolve, 125));
  isUp = await ask(url, '{ __typename }').then((answer) => answer.data?.__typename === 'Query', () => false);
}
check('the gateway starts with the example configuration', isUp, log.slice(-1500));
try {
  if (isUp) {
    await checkGateway(url);
    const event = await firstEvent(url, 'subscription { opportunityChanges { cursor } }');
    check('a subscription is passed on as server-sent events', event.data?.opportunityChanges?.cursor, event);
  }
} finally {
  gateway.kill();
  await Promise.all(others.map((other) => other.stop()));
}
finish();
