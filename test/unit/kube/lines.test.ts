import assert from 'node:assert/strict';
import fc from 'fast-check';
import { linesOf } from '../../../src/kube/lines.js';

async function* from(chunks: readonly Buffer[]): AsyncGenerator<Buffer> {
  for (const chunk of chunks) yield await Promise.resolve(chunk);
}

async function collect(chunks: readonly Buffer[], maxBytes = 1000): Promise<readonly string[]> {
  const lines: string[] = [];
  for await (const line of linesOf(from(chunks), maxBytes)) lines.push(line.toString());
  return lines;
}

describe('linesOf', () => {
  it('finds the same lines wherever the chunks end', async () => {
    const texts = fc.array(fc.string({ unit: 'grapheme', maxLength: 12 }).map((text) => text.replaceAll('\n', '')));
    await fc.assert(
      fc.asyncProperty(texts, fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1 }), async (lines, sizes) => {
        let rest = Buffer.from(lines.map((line) => `${line}\n`).join(''));
        const chunks: Buffer[] = [];
        for (let turn = 0; rest.length > 0; turn += 1) {
          const size = sizes[turn % sizes.length]!;
          chunks.push(rest.subarray(0, size));
          rest = rest.subarray(size);
        }
        assert.deepEqual(
          await collect(chunks),
          lines.filter((line) => line !== ''),
        );
      }),
    );
  });

  it('does not give a last line that is not complete', async () => {
    assert.deepEqual(await collect([Buffer.from('one\ntw')]), ['one']);
  });

  it('refuses a line without end', async () => {
    const endless = Array.from({ length: 20 }, () => Buffer.alloc(100, 'x'));
    await assert.rejects(collect(endless), { name: 'RangeError' });
  });
});
