import type { CodegenConfig } from '@graphql-codegen/cli';

const config: CodegenConfig = {
  schema: process.env.GRAPHQL_SCHEMA ?? '../../schema.graphql',
  documents: 'src/documents.ts',
  generates: {
    'src/gql/': {
      preset: 'client',
      presetConfig: { fragmentMasking: false },
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
          _FieldSet: 'string',
          link__Import: 'unknown',
        },
        strictScalars: true,
      },
    },
  },
};

export default config;
