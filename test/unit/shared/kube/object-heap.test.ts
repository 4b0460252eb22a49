import assert from 'node:assert/strict';
import { parseJson } from '../../../../src/shared/json.ts';
import { heapBytesOf } from '../../../../src/shared/kube/object-admission.ts';
import { processorTimeMs } from '../../../support/processor-time.ts';

describe('the estimate of the memory of an object', () => {
  const spec = (index: number): string =>
    `{"name":"param${index}","value":"https://x.example/${index}","labels":{"a":"b"},"list":[1,true]}`;
  const perByte = (text: string): number => heapBytesOf(parseJson(text)) / text.length;
  const list = (length: number, item: (index: number) => string): string =>
    `[${Array.from({ length }, (_, index) => item(index)).join()}]`;

  it('is a few times the JSON of usual objects, and more for small values', () => {
    const usual = perByte(list(500, spec));
    assert.ok(usual > 3 && usual < 4, String(usual));
    assert.ok(perByte(list(20_000, () => '{}')) > 20);
    assert.ok(perByte('"' + 'x'.repeat(1000) + '語"') > 2);
  });

  it('counts the layout of each object with keys of its own', () => {
    assert.ok(perByte(list(5000, (index) => `{"own${index}":1}`)) > 30);
    assert.ok(perByte(`{${Array.from({ length: 5000 }, (_, index) => `"own${index}":1`).join()}}`) > 10);
  });

  it('takes no longer for objects after a flood of layouts', () => {
    heapBytesOf(parseJson(list(10_000, (index) => `{"each${index}":1}`)));
    const shortestMs = (text: string): number => {
      const value = parseJson(text);
      const tookMs = Array.from({ length: 5 }, () => {
        const startMs = processorTimeMs();
        heapBytesOf(value);
        return processorTimeMs() - startMs;
      });
      return Math.min(...tookMs);
    };
    assert.ok(shortestMs(list(20_000, () => '{}')) < 20 * shortestMs(list(20_000, () => '[]')) + 20);
  });

  it('knows the layouts of usual objects again after a flood of others', () => {
    heapBytesOf(parseJson(list(10_000, (index) => `{"other${index}":1}`)));
    assert.ok(perByte(list(500, spec)) < 4);
  });
});
