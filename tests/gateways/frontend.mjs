// The example frontend is built: types are generated from schema.graphql, and the compiler knows them. What it does in a
// browser: tests/test_frontends_browser.py.
import { spawnSync } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { check, finish, SERVER } from './checks.mjs';

const folder = fileURLToPath(new URL('../../examples/frontend/', import.meta.url));
const runWith = (env, script, ...flags) => {
  const options = { cwd: folder, encoding: 'utf8', env: { ...process.env, ...env } };
  const { status, stdout, stderr } = spawnSync(process.execPath, [`${folder}node_modules/${script}`, ...flags], options);
  return { status, output: stdout + stderr };
};
const run = (script, ...flags) => runWith({}, script, ...flags);
const CODEGEN = '@graphql-codegen/cli/esm/bin.js';
const COMPILER = 'typescript/bin/tsc';

const generated = run(CODEGEN);
check('graphql-codegen reads schema.graphql and the documents', generated.status === 0, generated.output);
const compiled = run(COMPILER);
check('the example compiles, strictly', compiled.status === 0, compiled.output);

// The same compiler must refuse what the schema does not say.
const WRONG = {
  'a field that was not asked for': 'deal.position',
  "one source's field without a look at the type": 'details.winLikelihood',
  'a number where the amount is an exact text': 'const n: number = deal.value!.amount',
  'a value that may be null taken for granted': 'deal.owner.name',
  'an order that the schema does not have': "const { orderBy }: DealsQueryVariables = { orderBy: [{ field: 'NOTES' }] }",
};
const wrong = Object.entries(WRONG);
const IMPORTS = `import type { Deal, DealDetails } from './documents'; import type { DealsQueryVariables } from './gql/graphql';`;
for (const [n, [, text]] of wrong.entries()) {
  const body = `${IMPORTS}\nexport function f(deal: Deal, details: DealDetails) {\n  ${text};\n}\n`;
  writeFileSync(`${folder}src/wrong${n}.ts`, body);
}
const { status, output } = run(COMPILER);
for (const [n, [what]] of wrong.entries()) {
  check(`the compiler refuses ${what}`, status !== 0 && output.includes(`src/wrong${n}.ts(3,`), output);
}
for (const n of wrong.keys()) rmSync(`${folder}src/wrong${n}.ts`);

const FILE = new URL('/schema.graphql', SERVER).href;
for (const [what, address] of [['the schema of a running server', SERVER], ['its schema as a file', FILE]]) {
  const read = runWith({ GRAPHQL_SCHEMA: address }, CODEGEN);
  check(`graphql-codegen reads ${what}, with strict scalars`, read.status === 0, read.output);
  check(`the example compiles with the types of ${what}`, run(COMPILER).status === 0);
}
finish();
