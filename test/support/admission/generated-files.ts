import path from 'node:path';
import { format } from 'prettier';
import { Document, Scalar, visit } from 'yaml';
import { repository } from '../deploy/manifests.js';
import { admissionPolicies } from './admission-policies.js';
import { generatorsPolicy } from './generators-policy.js';
import { rulesPolicy } from './rules-policy.js';
import { manifestSchema, volumeAttributesSchema } from './attribute-schema.js';

const origin = originIn('src/driver/publish/attribute-table.ts');

function originIn(source: string): string {
  return `Generated from ${source} by \`npm run generate:admission\`; changes here get lost.`;
}

/** What the table of attributes and the names of rules are made into, by path from the repository's root. */
export async function generatedFiles(): Promise<ReadonlyMap<string, string>> {
  const texts: readonly (readonly [string, string])[] = [
    [
      'deploy/chart/files/policies/admission.yaml',
      [
        manifestsOf(origin, admissionPolicies()),
        manifestsOf(originIn('src/proxy/rules'), rulesPolicy()),
        manifestsOf(originIn('src/proxy'), generatorsPolicy()),
      ].join('---\n'),
    ],
    ['deploy/schemas/volume-attributes.json', schemaText(volumeAttributesSchema())],
    ['deploy/schemas/manifest.json', schemaText(manifestSchema())],
  ];
  const formatted = texts.map(async ([file, text]) => {
    const filepath = path.join(repository, file);
    return [file, await format(text, { printWidth: 120, singleQuote: true, filepath })] as const;
  });
  return new Map(await Promise.all(formatted));
}

function manifestsOf(comment: string, objects: readonly object[]): string {
  const documents = objects.map((object) => documentOf(object).toString({ lineWidth: 120 }));
  return `# ${comment}\n${documents.join('---\n')}`;
}

/** With expressions over several lines, unquoted. */
function documentOf(policy: object): Document {
  const document = new Document(policy, { aliasDuplicateObjects: false });
  visit(document, {
    Scalar: (_key, node) => {
      if (typeof node.value === 'string' && node.value.length > 80) node.type = Scalar.BLOCK_FOLDED;
    },
  });
  return document;
}

function schemaText(schema: object): string {
  const text = JSON.stringify({ $comment: origin, ...schema }, undefined, 2);
  return text.replaceAll(/[^\n -~]/g, (letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
