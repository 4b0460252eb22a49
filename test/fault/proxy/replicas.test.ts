import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import type { ProxyProcess } from '../../support/e2e/proxy-process.js';
import { eventually } from '../../support/poll.js';
import { connector, grant } from '../../support/proxy/manifests.js';
import { ProcessFixture } from '../../support/proxy/process-fixture.js';
import { ProxyClient } from '../../support/proxy/proxy-client.js';
import { robotLogin } from '../../support/proxy/proxy-fixture.js';
import { ToolServer } from '../../support/proxy/tool-server.js';
import { started } from '../../support/started.js';

const clientCount = 20;
const roundCount = 30;

/** What is at a path: its name over and over, so that a mix of two would be seen. */
const contentOf = (where: string): string => `${where} `.repeat(5_000);

describe('replicas of the proxy', function () {
  this.timeout(120_000);
  let tool: ToolServer;
  let fixture: ProcessFixture;
  let replicas: readonly ProxyProcess[];
  let token: string;

  beforeEach(async () => {
    tool = started(
      await ToolServer.start('http', (request, response) => {
        const hash = createHash('sha256');
        request.on('data', (chunk: Buffer) => hash.update(chunk));
        request.on('end', () => {
          if (request.method === 'GET') response.end(contentOf(request.url ?? ''));
          else response.end(hash.digest('hex'));
        });
      }),
    );
    fixture = started(
      await ProcessFixture.start([
        connector('tool', tool.url(), { secret: 'login' }),
        robotLogin,
        ...grant('builder', ['tool']),
      ]),
    );
    replicas = [await fixture.replica(['tool.example']), await fixture.replica(['tool.example'])];
    token = await fixture.keys.token();
  });

  it('may be killed under load: clients go on with the other, and no answer is another or half of one', async () => {
    const [doomed, other] = replicas;
    let finished = 0;
    let broken = 0;
    /** As a client does whose connections a Service spreads: what fails is tried again with whoever is there. */
    const exchange = async (where: string, body: string | undefined): Promise<string> => {
      for (let attempt = 0; ; attempt += 1) {
        const { port } = (attempt === 0 ? doomed : other)!;
        const client = new ProxyClient(port, 'ci/tool', token, '');
        try {
          const request = body === undefined ? {} : { method: 'PUT', body };
          const answer = await client.get(`${tool.url()}${where}`, request);
          assert.equal(answer.status, 200);
          return answer.body;
        } catch (error) {
          if (error instanceof assert.AssertionError || attempt > 0) throw error;
          broken += 1;
        }
      }
    };
    const killed = eventually('some have been served', () => finished > clientCount).then(() =>
      doomed?.signal('SIGKILL'),
    );
    await Promise.all(
      Array.from({ length: clientCount }, async (_each, at) => {
        for (let round = 0; round < roundCount; round += 1) {
          const where = `/${at}/${round}`;
          const content = contentOf(where);
          assert.equal(await exchange(where, undefined), content);
          assert.equal(await exchange(where, content), createHash('sha256').update(content).digest('hex'));
          finished += 1;
        }
      }),
    );
    await killed;
    assert.equal(finished, clientCount * roundCount);
    assert.ok(broken > 0, 'the replica was killed too late');
    assert.ok(tool.seen.every(({ headers }) => headers.authorization?.startsWith('Basic ')));
  });
});
