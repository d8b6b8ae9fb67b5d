// The program of docs/frontends.md, as it stands there, with the real clients.
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { ask, CHARTMOGUL, check, checkEqual, finish, NEXUDUS, SERVER } from './checks.mjs';

const page = readFileSync(new URL('../../docs/frontends.md', import.meta.url), 'utf8');
const program = [...page.matchAll(/^```js\n(.*?)^```$/gms)].map(([, block]) => block).join('\n');
const folder = mkdtempSync(fileURLToPath(new URL('page-', import.meta.url)));
const file = `${folder}/program.mjs`;
// The server under test in place of the page's address; Node has no directory imports, bundlers do.
const text = program
  .replace('http://127.0.0.1:8000/graphql', SERVER)
  .replaceAll("from '@apollo/client'", "from '@apollo/client/core/index.js'")
  .replaceAll("from '@apollo/client/link/persisted-queries'", "from '@apollo/client/link/persisted-queries/index.js'");
writeFileSync(file, `${text}\nexport { cache, deal, DEALS, persisted, rows, stages, TYPES };\n`);

const sent = [];
const { fetch } = globalThis;
globalThis.fetch = (url, init) => {
  sent.push(JSON.parse(init.body));
  return fetch(url, init);
};
const { cache, deal, DEALS, persisted, rows, stages, TYPES } = await import(pathToFileURL(file));

const schema = await ask(SERVER, '{ __schema { types { name possibleTypes { name } } } }');
sent.length = 0;
const possible = schema.data.__schema.types.filter(({ possibleTypes, name }) => possibleTypes && !name.startsWith('_'));
checkEqual(
  'possibleTypes are those of the schema',
  Object.fromEntries(possible.map(({ name, possibleTypes }) => [name, possibleTypes.map((type) => type.name).sort()])),
  { Node: [...TYPES].sort(), Opportunity: [...TYPES].sort() },
);

const MISSING = 'bmV4dWR1czox';
const found = await rows([NEXUDUS.id, 'no-id', MISSING, CHARTMOGUL.id]);
checkEqual(
  'each row has its deal, its error or nothing (errorPolicy: all)',
  found.map(({ source, code, retryable, missing }) => source ?? code ?? missing ?? null),
  ['NEXUDUS', 'BAD_USER_INPUT', true, 'CHARTMOGUL'],
);
checkEqual('an error says whether to try again', found[1], { code: 'BAD_USER_INPUT', retryable: false });

const normalised = Object.keys(cache.extract());
check(
  'each deal is cached once, by type and id',
  [NEXUDUS, CHARTMOGUL].every(({ type, id }) => normalised.filter((key) => key === `${type}:${id}`).length === 1),
  normalised,
);

sent.length = 0;
for (const { id, type } of [NEXUDUS, CHARTMOGUL]) {
  checkEqual(`from the list to a ${type}`, (await deal(id)).id, id);
}
checkEqual('from the list to a deal: no request', sent.length, 0);
checkEqual('a deal that no list has loaded', (await deal('bmV4dWR1czoxNDI3MDAwNTAy'))?.source, 'NEXUDUS');
checkEqual('a deal that no list has loaded: one request', sent.length, 1);

const some = await stages([NEXUDUS.id, 'no-id']);
checkEqual('urql: data and errors side by side', [some.stages.length, some.stages[1], some.codes], [2, null, ['BAD_USER_INPUT']]);
check('urql: the deal is there', some.stages[0], some);

sent.length = 0;
const hashed = await persisted.query({ query: DEALS, variables: { ids: [NEXUDUS.id] } });
checkEqual('persisted queries: the deal', hashed.data.opportunitiesById[0].id, NEXUDUS.id);
check('persisted queries: the hash alone comes first', !('query' in sent[0]) && sent[0].extensions.persistedQuery, sent);
finish();
