import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

const root = path.join(import.meta.dirname, '..', '..', 'src');

/** Each file of src, relative to it, with those that it imports, for their types too. */
function importGraph(): ReadonlyMap<string, readonly string[]> {
  const files = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'));
  return new Map(
    files.map((file) => {
      const text = readFileSync(path.join(root, file), 'utf8');
      const imported = text.matchAll(/^(?:import|export)\b[^;]*?\bfrom '(\.[^']+)\.ts'/gm);
      return [file, Array.from(imported, ([, name = '']) => `${path.join(path.dirname(file), name)}.ts`)];
    }),
  );
}

/** Rings of files that import each other, each once. */
function cyclesOf(graph: ReadonlyMap<string, readonly string[]>): string[] {
  const cycles: string[] = [];
  const done = new Set<string>();
  const visit = (file: string, above: readonly string[]): void => {
    if (above.includes(file)) cycles.push([...above.slice(above.indexOf(file)), file].join(' -> '));
    if (done.has(file) || above.includes(file)) return;
    for (const imported of graph.get(file) ?? []) visit(imported, [...above, file]);
    done.add(file);
  };
  for (const file of graph.keys()) visit(file, []);
  return cycles;
}

describe('the files of src', () => {
  it('do not import each other in a ring, not even for a type', () => {
    const graph = importGraph();
    assert.ok([...graph.values()].flat().length > graph.size, 'hardly any import was found');
    assert.deepEqual(cyclesOf(graph), []);
  });
});
