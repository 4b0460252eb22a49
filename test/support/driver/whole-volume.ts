import assert from 'node:assert/strict';
import type { TestVolume } from './test-volume.ts';

/** Asserts that a volume of one Connector has all its files, with one of these tokens in all that contain it. */
export function assertWhole(volume: TestVolume, tokens: readonly string[] = [volume.token]): void {
  const files = volume.read();
  const addresses = ['http.proxy', 'https.proxy'];
  const names = ['.env', 'activate', 'connector.status.proxyAddress', 'context.token', ...addresses];
  assert.deepEqual(Object.keys(files), names);
  const token = files['context.token']!;
  assert.ok(tokens.includes(token));
  assert.ok(files['.env']?.includes(token) && files['http.proxy']?.includes(token));
  assert.equal(files['https.proxy'], files['http.proxy']);
}
