import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { repository } from '../../support/deploy/manifests.js';

/** The tests of each row: a file, and the title of a test in it. */
const proofs: Readonly<Record<string, readonly (readonly [file: string, title: string])[]>> = {
  'one of two proxies': [['fault/proxy/replicas.test.ts', 'may be killed under load: clients go on with the other']],
  'all proxies': [['e2e/flow/failures.test.ts', 'without a proxy: volumes are mounted and refreshed']],
  'API server': [
    ['integration/proxy/cluster.test.ts', 'says that nobody could be asked while the API server is away'],
    ['integration/driver/kubernetes/outage.test.ts', 'republishes without news succeed for as long as it lasts'],
    ['integration/driver/kubernetes/outage.test.ts', 'publishes that wait succeed when it comes, without a restart'],
  ],
  'driver of the node': [
    ['e2e/flow/failures.test.ts', 'without the driver: a program goes on with the files that it has'],
    ['fault/driver/killed-in-a-burst.test.ts', 'leaves each volume whole or absent, and its successor completes'],
  ],
  tool: [
    ['e2e/flow/failures.test.ts', 'without the tool: a volume is mounted, and its program gets 502'],
    ['integration/proxy/streaming.test.ts', 'cuts a tool that does not answer, with 504'],
  ],
  'token endpoint': [
    ['unit/proxy/credentials/issuer/issued-tokens.test.ts', 'are used as long as they are valid while the endpoint'],
    ['integration/proxy/issuers/endpoints.test.ts', 'that is away is a 502 with the cause'],
  ],
  'DNS server of a tool': [['integration/proxy/addresses.test.ts', 'is a 502 with the name']],
  'reader of a log': [['integration/driver/log/unread-log.test.ts', 'goes on with its calls, does not grow']],
};

describe('docs/failures.md', () => {
  it('has the rows that tests prove', () => {
    const page = readFileSync(path.join(repository, 'docs', 'failures.md'), 'utf8');
    const [, , ...rows] = page.split('\n').filter((line) => line.startsWith('|'));
    assert.deepEqual(
      rows.map((row) => row.split('|')[1]?.trim()),
      Object.keys(proofs),
    );
  });

  for (const [row, tests] of Object.entries(proofs)) {
    it(`has tests that exist for the row ${row}`, () => {
      for (const [file, title] of tests) {
        assert.ok(readFileSync(path.join(repository, 'test', file), 'utf8').includes(title), `${file}: ${title}`);
      }
    });
  }
});
