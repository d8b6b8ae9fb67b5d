import type { CodegenConfig } from '@graphql-codegen/cli';

const config: CodegenConfig = {
  schema: '../../schema.graphql',
  documents: 'src/*.ts',
  generates: {
    'src/gql/': {
      preset: 'client',
      presetConfig: { fragmentMasking: false },
      config: {
        documentMode: 'string',
        enumsAsTypes: true,
        useTypeImports: true,
        // Everything but JSON travels as a string: a number of JavaScript would round amounts.
        scalars: { BigInt: 'string', Date: 'string', DateTime: 'string', Decimal: 'string', JSON: 'unknown', _Any: 'unknown' },
        strictScalars: true,
      },
    },
  },
  importExtension: '.js',
};

export default config;
