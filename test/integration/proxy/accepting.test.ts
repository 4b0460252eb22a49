import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import { ProxyFixture } from '../../support/proxy/proxy-fixture.ts';
import { started } from '../../support/started.ts';

describe('many connections at once', () => {
  it('are accepted several in each turn of the event loop, so that those of others need not wait for each', async () => {
    const fixture = started(await ProxyFixture.start([]));
    const count = 128;
    const sockets = Array.from({ length: count }, () => net.connect(fixture.port, '127.0.0.1'));
    started({ stop: () => sockets.forEach((socket) => socket.destroy()) });
    const answers = sockets.map((socket) => once(socket, 'data'));
    for (const socket of sockets) socket.write('GET / HTTP/1.1\r\nHost: proxy\r\n\r\n');
    let turns = 0;
    let areAnswered = false;
    const turn = (): void => {
      turns += 1;
      if (!areAnswered) setImmediate(turn);
    };
    turn();
    await Promise.all(answers);
    areAnswered = true;
    assert.ok(turns < count / 2, `${turns} turns for ${count} connections`);
  });
});
