// The example frontend: types are generated from schema.graphql, the compiler knows them, and the program runs.
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { CHARTMOGUL, check, checkEqual, finish, NEXUDUS, SERVER } from './checks.mjs';

const folder = fileURLToPath(new URL('../../examples/frontend/', import.meta.url));
const installed = fileURLToPath(new URL('../../node_modules/', import.meta.url));
const run = (script, ...flags) => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [installed + script, ...flags], { cwd: folder, encoding: 'utf8' });
  return { status, output: stdout + stderr };
};

const generated = run('@graphql-codegen/cli/esm/bin.js');
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
finish();
