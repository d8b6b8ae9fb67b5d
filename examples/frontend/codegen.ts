import type { CodegenConfig } from '@graphql-codegen/cli';
import { addTypenameSelectionDocumentTransform } from '@graphql-codegen/client-preset';

const config: CodegenConfig = {
  // A file, or the address of a running server.
  schema: process.env.GRAPHQL_SCHEMA ?? '../../schema.graphql',
  documents: 'src/*.{ts,tsx}',
  generates: {
    'src/gql/': {
      preset: 'client',
      presetConfig: {
        fragmentMasking: false,
        persistedDocuments: process.env.PERSISTED_DOCUMENTS === 'true' && { hashAlgorithm: 'sha256' },
      },
      // Apollo's cache adds `__typename` everywhere: documents by name must have it before they are named.
      documentTransforms: [addTypenameSelectionDocumentTransform],
      config: {
        enumsAsTypes: true,
        useTypeImports: true,
        // Everything but JSON travels as a string: a number of JavaScript would round amounts.
        scalars: {
          BigInt: 'string',
          Date: 'string',
          DateTime: 'string',
          Decimal: 'string',
          JSON: 'unknown',
          _Any: 'unknown',
          // Of Federation's directives: only a running server tells of them.
          _FieldSet: 'string',
          link__Import: 'unknown',
        },
        strictScalars: true,
      },
    },
    // Which types an interface has, for the cache: always as the schema says.
    'src/gql/possible-types.ts': { plugins: ['fragment-matcher'] },
  },
};

export default config;
