import path from 'node:path';
import eslint from '@eslint/js';
import tseslint from 'typescript-eslint';
import { layerOf, layers } from './layers.mjs';

const sourceRoot = path.join(import.meta.dirname, '..', 'src');

/** The table of layers.mjs as a lint rule: the imports that each folder of src can have. */
const layerRule = {
  meta: { type: 'problem', schema: [], messages: { forbidden: '{{from}} must not import {{to}} ({{hint}})' } },
  create(context) {
    const place = path.relative(sourceRoot, context.filename);
    if (place.startsWith('..')) return {};
    const from = layerOf(place);
    const allowed = layers[from] ?? layers['*'];
    const check = (node, typeOnly) => {
      const specifier = node.source?.value;
      if (typeof specifier !== 'string' || specifier.startsWith('node:')) return;
      const to = importedLayer(specifier, path.dirname(context.filename));
      const fine =
        to === from || allowed.includes('*') || allowed.includes(to) || (typeOnly && allowed.includes(`type:${to}`));
      if (!fine) {
        context.report({ node, messageId: 'forbidden', data: { from, to, hint: `it may: ${allowed.join(', ')}` } });
      }
    };
    return {
      ImportDeclaration: (node) => check(node, node.importKind === 'type'),
      ExportNamedDeclaration: (node) => check(node, node.exportKind === 'type'),
      ExportAllDeclaration: (node) => check(node, node.exportKind === 'type'),
      ImportExpression: (node) => check(node, false),
    };
  },
};

/**
 * Returns the layer of a relative import, `driver/publish/ports` by its own name, or the package's name of a bare
 * specifier.
 */
function importedLayer(specifier, folder) {
  if (!specifier.startsWith('.')) {
    const parts = specifier.split('/');
    return `npm:${specifier.startsWith('@') ? parts.slice(0, 2).join('/') : parts[0]}`;
  }
  const target = path.relative(sourceRoot, path.resolve(folder, specifier)).replace(/\.(js|ts|json)$/, '');
  if (target.startsWith('..')) return target;
  const isPorts =
    target === path.join('driver', 'publish', 'ports') &&
    layerOf(path.relative(sourceRoot, folder)) !== 'driver/publish';
  return isPorts ? 'driver/publish/ports' : layerOf(target);
}

/** Functions of node:crypto that templates can use. None creates keys or random bytes. */
const noGenerators = ['node:crypto', 'crypto'].map((name) => ({
  name,
  allowImportNames: ['createCipheriv', 'createDecipheriv', 'createHash', 'createHmac', 'pbkdf2Sync'],
  message: 'Templates get random bytes and private keys from CallContext.',
}));
const noKeys = {
  group: ['**/private-keys.ts'],
  allowTypeImports: true,
  message: 'Templates get private keys from CallContext.',
};

export default tseslint.config(
  {
    ignores: [
      'dist/',
      'coverage/',
      'node_modules/',
      'src/driver/csi/generated/',
      'src/shared/gotemplate/sprig/generated/',
      'test/fixtures/',
    ],
  },
  eslint.configs.recommended,
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.strictTypeChecked, tseslint.configs.stylisticTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: path.join(import.meta.dirname, '..') } },
    plugins: { connectors: { rules: { layers: layerRule } } },
    rules: {
      'connectors/layers': 'error',
      'no-console': 'error',
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/explicit-module-boundary-types': 'error',
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      '@typescript-eslint/no-confusing-void-expression': [
        'error',
        { ignoreArrowShorthand: true, ignoreVoidReturningFunctions: true },
      ],
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      '@typescript-eslint/prefer-readonly': 'error',
      'no-restricted-properties': [
        'error',
        {
          object: 'process',
          property: 'env',
          message: 'Flags and environment are read in src/main.ts and src/program.ts only.',
        },
      ],
    },
  },
  {
    files: ['src/**/*.ts'],
    ignores: ['src/main.ts', 'src/program.ts'],
    rules: {
      'no-restricted-globals': [
        'error',
        { name: 'process', message: 'Only src/main.ts and src/program.ts touch process.' },
      ],
    },
  },
  { files: ['src/main.ts', 'src/program.ts', 'test/**/*.ts'], rules: { 'no-restricted-properties': 'off' } },
  {
    files: ['src/**/*.ts'],
    rules: {
      'no-restricted-syntax': [
        'error',
        {
          selector: "ObjectExpression > Property[kind='get']",
          message:
            'V8 keeps what the getter of an object literal refers to (docs/dev/decisions/0033): use a class or a method.',
        },
      ],
    },
  },
  {
    // The budget of a render is the only source of randomness in templates.
    files: ['src/shared/gotemplate/**/*.ts'],
    ignores: ['src/shared/gotemplate/budget.ts', 'src/shared/gotemplate/private-keys.ts'],
    rules: {
      '@typescript-eslint/no-restricted-imports': ['error', { paths: noGenerators, patterns: [noKeys] }],
      'no-restricted-globals': ['error', 'process', 'crypto'],
      'no-restricted-properties': [
        'error',
        { object: 'process', property: 'env' },
        { object: 'Math', property: 'random', message: 'Templates get random bytes from CallContext.' },
      ],
    },
  },
  {
    files: ['src/shared/gotemplate/slow-work.ts'],
    rules: { '@typescript-eslint/no-restricted-imports': ['error', { paths: noGenerators }] },
  },
  {
    files: ['test/**/*.ts'],
    rules: { '@typescript-eslint/no-non-null-assertion': 'off', 'no-console': 'off' },
  },
  {
    files: ['test/integration/scenarios/**/*.ts', 'test/soak/**/*.ts'],
    rules: {
      '@typescript-eslint/no-restricted-imports': [
        'error',
        {
          patterns: [
            {
              group: ['**/kubelet-node.ts', '**/test-kubelet.ts'],
              allowTypeImports: true,
              message: 'Scenarios get their node from support/kubelet/scenario.ts, which checks it afterwards.',
            },
          ],
        },
      ],
    },
  },
  {
    files: ['**/*.mjs', '**/*.cjs'],
    languageOptions: { globals: { process: 'readonly', console: 'readonly', require: 'readonly', module: 'writable' } },
  },
);
