// The example frontend: types are generated from schema.graphql, the compiler knows them, and the program runs.
import { spawn, spawnSync } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { ask, CHARTMOGUL, check, checkEqual, finish, NEXUDUS, SERVER } from './checks.mjs';

const folder = fileURLToPath(new URL('../../examples/frontend/', import.meta.url));
const installed = fileURLToPath(new URL('../../node_modules/', import.meta.url));
const runWith = (env, script, ...flags) => {
  const options = { cwd: folder, encoding: 'utf8', env: { ...process.env, ...env } };
  const { status, stdout, stderr } = spawnSync(process.execPath, [installed + script, ...flags], options);
  return { status, output: stdout + stderr };
};
const run = (script, ...flags) => runWith({}, script, ...flags);
const CODEGEN = '@graphql-codegen/cli/esm/bin.js';

const generated = run(CODEGEN);
check('graphql-codegen reads schema.graphql and the documents', generated.status === 0, generated.output);
const compiled = run('typescript/bin/tsc');
check('the example compiles, strictly', compiled.status === 0, compiled.output);

// The same compiler must refuse what the schema does not say.
const WRONG = {
  'a field that was not asked for': 'deal.createdAt',
  "one source's field without a look at the type": 'deal.winLikelihood',
  'a number where the amount is an exact text': 'const n: number = deal.value!.amount',
  'a value that may be null taken for granted': 'deal.owner.name',
};
const wrong = Object.entries(WRONG);
for (const [n, [, text]] of wrong.entries()) {
  writeFileSync(`${folder}src/wrong${n}.ts`, `import type { Deal } from './deal.js';\nexport function f(deal: Deal) {\n  ${text};\n}\n`);
}
const { status, output } = run('typescript/bin/tsc', '--noEmit');
for (const [n, [what]] of wrong.entries()) {
  check(`the compiler refuses ${what}`, status !== 0 && output.includes(`src/wrong${n}.ts(3,`), output);
}

const { describe, fetchDeal } = await import('../../examples/frontend/build/deal.js');
for (const { type, id } of [NEXUDUS, CHARTMOGUL]) {
  const deal = await fetchDeal(SERVER, id);
  check(`it fetches and describes a ${type}`, deal?.__typename === type && describe(deal).startsWith(deal.source), deal);
}
checkEqual('a deal that does not exist is null', await fetchDeal(SERVER, 'bmV4dWR1czox'), null);
const refused = await fetchDeal(SERVER, 'no-id').catch((error) => error.message);
check('an error carries its code', String(refused).startsWith('BAD_USER_INPUT: '), refused);

// The README's two other builds: types of a running server, and documents by name for a server that takes no others.
for (const n of wrong.keys()) rmSync(`${folder}src/wrong${n}.ts`);
const fromServer = runWith({ GRAPHQL_SCHEMA: SERVER }, CODEGEN);
check('graphql-codegen reads the schema of a running server, with strict scalars', fromServer.status === 0, fromServer.output);
check('the example compiles with the types of a running server', run('typescript/bin/tsc').status === 0);

const named = runWith({ PERSISTED_DOCUMENTS: 'true' }, CODEGEN);
check('graphql-codegen writes the manifest', named.status === 0, named.output);
// Into a folder of its own: Node would not load what it has loaded before a second time.
check('the example compiles with documents by name', run('typescript/bin/tsc', '--outDir', 'build-by-name').status === 0);
const strict = spawn(process.env.PYTHON, [process.env.SERVER_FILE, '--demo', '--port', '0'], {
  env: { PATH: process.env.PATH, PERSISTED_QUERIES: 'listed-only', PERSISTED_MANIFEST: `${folder}src/gql/persisted-documents.json`, SHUTDOWN_DELAY_SECONDS: '0' },
  cwd: folder,
  stdio: ['ignore', 'pipe', 'inherit'],
});
process.once('exit', () => strict.kill());
for await (const line of createInterface({ input: strict.stdout })) {
  const [address] = line.match(/http:\/\/\S+\/graphql/) ?? [];
  if (!address) continue;
  const { fetchDeal: fetchByName } = await import('../../examples/frontend/build-by-name/deal.js');
  checkEqual('a server that takes listed documents only answers the program', (await fetchByName(address, NEXUDUS.id))?.id, NEXUDUS.id);
  const other = await ask(address, '{ __typename }');
  checkEqual('and refuses any other document', other.errors?.[0].extensions.code, 'PERSISTED_QUERY_NOT_LISTED');
  break;
}
finish();
