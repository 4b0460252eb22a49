import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { layers } from '../../../.ci/layers.mjs';
import { repository } from '../../support/deploy/manifests.ts';

const page = readFileSync(path.join(repository, 'docs', 'dev', 'architecture.md'), 'utf8');
const drawings = [...page.matchAll(/^```mermaid\n(.*?)^```$/gms)].map(([, text]) => text ?? '');

/** Layers by their node in the drawing: `csi["driver/csi: …"]` is `driver/csi`. */
function layersOf(drawing: string): ReadonlyMap<string, string> {
  return new Map([...drawing.matchAll(/(\w+)\["([\w/]+)[^"]*"\]/g)].map(([, node = '', layer = '']) => [node, layer]));
}

describe('the drawings of architecture.md', () => {
  it('are there', () => {
    assert.equal(drawings.length, 3);
  });

  it('draw arrows only where the linter permits imports', () => {
    const drawing = drawings[0] ?? '';
    const layerByNode = layersOf(drawing);
    const arrow = /(\w+)(?:\["[^"]*"\])? (-->|-\. types \.->) (\w+)/g;
    const arrows = [...drawing.matchAll(arrow)].map(([, from = '', kind = '', to = '']) => {
      const [importer = '', imported = ''] = [from, to].map((name) => layerByNode.get(name) ?? name);
      return { importer, imported: kind === '-->' ? imported : `type:${imported}` };
    });
    assert.ok(arrows.length >= 20);
    const allowed = (importer: string): readonly string[] => layers[importer] ?? ['nothing'];
    const wrong = arrows.filter(
      ({ importer, imported }) => importer !== 'program' && !allowed(importer).includes(imported),
    );
    assert.deepEqual(wrong, []);
    for (const { importer } of arrows) assert.ok(importer in layers, importer);
  });
});

describe('the pages for developers', () => {
  it('name modules that exist', () => {
    const files = ['src', 'test'].flatMap((folder) =>
      readdirSync(path.join(repository, folder), { recursive: true, encoding: 'utf8' }).map(
        (name) => `/${folder}/${name}`,
      ),
    );
    const folder = path.join(repository, 'docs/dev');
    const pages = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.md'));
    for (const name of [path.join(repository, 'CONTRIBUTING.md'), ...pages.map((each) => path.join(folder, each))]) {
      const named = [...readFileSync(name, 'utf8').matchAll(/[-\w][-\w./]*\.ts\b/g)].map(([file]) => file);
      const missing = named.filter((file) => !files.some((each) => each.endsWith(`/${file}`)));
      assert.deepEqual(missing, [], name);
    }
  });
});

describe('the request path in architecture.md', () => {
  it('names types that src/proxy exports', () => {
    const section = page.split(/^## /m).find((part) => part.startsWith('The request path\n')) ?? '';
    const folder = path.join(repository, 'src', 'proxy');
    const text = readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts'))
      .map((name) => readFileSync(path.join(folder, name), 'utf8'))
      .join('\n');
    for (const [, type = ''] of section.matchAll(/\| `([A-Z]\w+)`/g)) {
      assert.ok(text.includes(`export interface ${type} `) || text.includes(`export type ${type} `), type);
    }
  });
});
