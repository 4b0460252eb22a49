import assert from 'node:assert/strict';
import { failureText, recoveryText } from '../../../src/driver/pod-events.ts';
import type { PublishedVolume } from '../../../src/driver/publish/published-volumes.ts';
import { Secret } from '../../../src/shared/secret.ts';

const target = '/var/lib/kubelet/pods/u/volumes/kubernetes.io~csi/reg/mount';
/** As far as the texts look at it. */
const volumeWith = (expiresAtMs?: number): PublishedVolume =>
  ({
    request: { targetPath: target },
    input: {
      tokens: new Map(expiresAtMs === undefined ? [] : [['a', { secret: new Secret('x'), expiresAtMs }]]),
    },
  }) as unknown as PublishedVolume;

describe('what an event on a pod says', () => {
  it('tells what became of the token', () => {
    const failure = { sinceMs: 0, code: 'NOT_FOUND', message: 'NOT_FOUND: x' } as const;
    assert.match(failureText(volumeWith(1000), failure, false, 1000).note, /, whose token has expired\. NOT_FOUND/);
    assert.match(failureText(volumeWith(), failure, false, 0).note, /The files are as they were\. NOT_FOUND/);
    assert.match(
      failureText(volumeWith(), failure, true, 0).note,
      /The tokens were taken out of the files\. NOT_FOUND/,
    );
  });

  it('is cut at what Kubernetes takes, between characters', () => {
    for (const letter of ['x', 'é', '€', '😀']) {
      const message = `NOT_FOUND: ${letter.repeat(2000)}`;
      const { note } = failureText(volumeWith(), { sinceMs: 0, code: 'NOT_FOUND', message }, false, 0);
      assert.ok(Buffer.byteLength(note) <= 1024 && Buffer.byteLength(note) > 1000);
      assert.ok(!note.includes('\ufffd') && note.endsWith(`${letter}…`));
    }
  });

  it('tells how long it lasted', () => {
    const failure = { sinceMs: 0, code: 'NOT_FOUND', message: '' } as const;
    assert.match(recoveryText(volumeWith(), failure, 90_400).note, /after 1m30s in which .* \(NOT_FOUND\)\.$/);
    assert.match(recoveryText(volumeWith(), failure, 0).note, /after 1s in which/);
  });
});
