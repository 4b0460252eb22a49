import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';

const root = path.join(import.meta.dirname, '../../..');
const script = path.join(root, 'test/support/process/young-generation.mjs');

describe("the young generation of the driver's main thread", () => {
  it('stays small when a thread that renders has started', async () => {
    const args = [script, path.join(root, 'dist/render-worker.js'), JSON.stringify({ configurations: [], nowMs: 0 })];
    const { stdout } = await promisify(execFile)(process.execPath, args);
    // 32 where nothing holds it; each collection while the thread starts may double it.
    assert.ok(Number(stdout) > 0 && Number(stdout) <= 8, `${stdout} MiB`);
  });
});
