import assert from 'node:assert/strict';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { directorySource } from '../../../src/driver/directory-backend.ts';
import { silentLog } from '../../../src/shared/log.ts';
import { connector } from '../../support/driver/manifests.ts';
import { eventually } from '../../support/poll.ts';
import { started } from '../../support/started.ts';

describe('the listener of a directory of manifests', () => {
  let directory: string;
  beforeEach(() => (directory = fs.mkdtempSync(path.join(tmpdir(), 'manifests-'))));
  afterEach(() => fs.rmSync(directory, { recursive: true }));

  it('learns of a change that a publish has read first', async () => {
    const source = started(directorySource({ directory, namespace: 'x', log: silentLog }, 0));
    const put = (name: string): void =>
      fs.writeFileSync(path.join(directory, `${name}.json`), JSON.stringify(connector(name)));
    let calls = 0;
    put('harbor');
    source.onChange(() => (calls += 1));
    source.start();
    await eventually('the directory is read', () => calls === 1);
    put('github');
    assert.notEqual(source.peekFlags(), undefined);
    await eventually('the listener is called', () => calls === 2);
  });
});
