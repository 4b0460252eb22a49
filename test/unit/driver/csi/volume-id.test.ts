import assert from 'node:assert/strict';
import { loggedVolumeId, volumeIdProblem } from '../../../../src/driver/csi/volume-id.ts';

describe('a volume id', () => {
  it('may have 128 bytes, and is logged whole then', () => {
    for (const id of ['csi-1', 'x'.repeat(128), 'é'.repeat(64)]) {
      assert.equal(volumeIdProblem(id), undefined);
      assert.equal(loggedVolumeId(id), id);
    }
  });

  it('is refused beyond that, and logged by its beginning', () => {
    for (const id of ['x'.repeat(129), 'é'.repeat(65), 'x'.repeat(4 << 20)]) {
      assert.equal(volumeIdProblem(id), 'volume_id is longer than 128 bytes');
      assert.ok(loggedVolumeId(id).length <= 129 && loggedVolumeId(id).endsWith('…'));
    }
    assert.equal(volumeIdProblem(''), 'volume_id is missing');
  });
});
