import type { CodegenConfig } from '@graphql-codegen/cli';

const config: CodegenConfig = {
  // A file, or the address of a running server.
  schema: process.env.GRAPHQL_SCHEMA ?? '../../schema.graphql',
  documents: 'src/*.ts',
  generates: {
    'src/gql/': {
      preset: 'client',
      presetConfig: { fragmentMasking: false, persistedDocuments: process.env.PERSISTED_DOCUMENTS === 'true' },
      config: {
        documentMode: 'string',
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
  },
  importExtension: '.js',
};

export default config;
