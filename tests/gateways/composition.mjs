// Three composers make a supergraph of what the server says its schema is: alone, with a subgraph that extends the
// entities, with one that extends the interface, with one that takes over `node`.
import { composeServices as composeWithApollo } from '@apollo/composition';
import { composeServices as composeWithTheGuild } from '@theguild/federation-composition';
import { federateSubgraphs, LATEST_ROUTER_COMPATIBILITY_VERSION } from '@wundergraph/composition';
import { parse } from 'graphql';
import { sdlOf } from '../../examples/subgraphs/subgraphs.mjs';
import { check, fetchSdl, finish, SERVER } from './checks.mjs';

const COMPOSERS = {
  Apollo: (subgraphs) => ({ hints: [], ...composeWithApollo(subgraphs) }),
  'The Guild': (subgraphs) => ({ hints: [], ...composeWithTheGuild(subgraphs) }),
  WunderGraph(subgraphs) {
    const named = subgraphs.map(({ name, url, typeDefs }) => ({ name, url, definitions: typeDefs }));
    const found = federateSubgraphs({ subgraphs: named, version: LATEST_ROUTER_COMPATIBILITY_VERSION });
    return { errors: found.success ? [] : found.errors, hints: found.warnings };
  },
};

const CASES = {
  alone: [],
  'with a subgraph that extends the entities': ['contracts'],
  'with a subgraph that extends the interface': ['contracts', 'reviews'],
  'with a subgraph that takes over node': ['contracts', 'reviews', 'nodes'],
};

const sdl = await fetchSdl();
check('the schema asks for federation 2.3, which every composer knows', sdl.includes('specs.apollo.dev/federation/v2.3'));

for (const [what, others] of Object.entries(CASES)) {
  const subgraphs = [
    { name: 'opportunities', url: SERVER, typeDefs: parse(sdl) },
    ...others.map((name) => ({ name, url: `http://127.0.0.1/${name}`, typeDefs: parse(sdlOf(name)) })),
  ];
  for (const [composer, compose] of Object.entries(COMPOSERS)) {
    const { errors, hints } = compose(subgraphs);
    check(`${composer} composes it ${what}`, !errors?.length, errors?.map((error) => error.message));
    // Who overrides a field is told that the other subgraph could drop it; who has sizes of lists, that their version
    // is one that knows them.
    const known = ['OVERRIDDEN_FIELD_CAN_BE_REMOVED', 'IMPLICITLY_UPGRADED_FEDERATION_VERSION'];
    const complaints = hints.filter((hint) => !known.includes(hint.definition?.code));
    check(`${composer} has nothing to remark ${what}`, !complaints.length, complaints.map((hint) => hint.message));
  }
}
const alone = COMPOSERS.Apollo([{ name: 'opportunities', url: SERVER, typeDefs: parse(sdl) }]);
check('Apollo takes the sizes of lists along', /\): OpportunityConnection @listSize\(/.test(alone.supergraphSdl));
check('Apollo takes the costs along', /\): OpportunitySummary @cost\(weight: 200\)/.test(alone.supergraphSdl));
finish();
