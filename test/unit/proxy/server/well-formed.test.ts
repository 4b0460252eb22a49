import assert from 'node:assert/strict';
import { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import { ProxyError } from '../../../../src/proxy/proxy-error.ts';
import { parseConnectTarget, parseRequestTarget } from '../../../../src/proxy/server/request-target.ts';
import { ensureSameHost } from '../../../../src/proxy/server/well-formed.ts';

describe('a request in a tunnel', () => {
  const cases: Readonly<
    Record<string, readonly (readonly [host: string | undefined, url: string, isServed: boolean])[]>
  > = {
    'tool.example:8443': [
      ['tool.example:8443', '/', true],
      ['Tool.Example:8443', '/', true],
      ['tool.example', '/', true],
      [undefined, '/', true],
      ['tool.example:443', '/', false],
      ['other.example:8443', '/', false],
      ['other.example', '/', false],
      ['tool.example:8443', 'https://tool.example:8443/', true],
      ['tool.example:8443', 'https://other.example:8443/', false],
      ['tool.example:8443', 'https://tool.example/', false],
      ['other.example:8443', 'https://tool.example:8443/', false],
      [undefined, 'https://other.example:8443/', false],
    ],
    'tool.example:443': [
      ['tool.example', '/', true],
      ['tool.example:443', '/', true],
      ['tool.example:8443', '/', false],
      ['tool.example', 'https://tool.example/', true],
      ['tool.example', 'https://other.example/', false],
    ],
  };
  for (const [tunnel, requests] of Object.entries(cases)) {
    for (const [host, url, isServed] of requests) {
      it(`to ${tunnel} with host ${host ?? '-'} and target ${url} is ${isServed ? 'served' : 'rejected'}`, () => {
        const named = parseConnectTarget(tunnel);
        const target = parseRequestTarget(url);
        assert.ok(named !== undefined && target !== undefined);
        const request = new IncomingMessage(new Socket());
        if (host !== undefined) request.rawHeaders.push('Host', host);
        const check = (): void => ensureSameHost(request, target, named);
        if (isServed) check();
        else assert.throws(check, (error) => error instanceof ProxyError && error.status === 421);
      });
    }
  }
});
