import assert from 'node:assert/strict';
import { parseConnectorClass } from '../../../../src/shared/connectors/parse-connector-class.ts';
import { parseConnector } from '../../../../src/shared/connectors/parse-connector.ts';
import type { JsonObject } from '../../../../src/shared/json.ts';
import { matchesOfHost } from '../../../../src/proxy/connectors/connector-match.ts';
import { canBePlain } from '../../../../src/proxy/server/tls-handshake.ts';
import { parseConnectTarget } from '../../../../src/proxy/server/request-target.ts';
import { connector, connectorClass } from '../../../support/proxy/manifests.ts';

describe('plain HTTP in a tunnel', () => {
  const cases: readonly (readonly [target: string, addresses: readonly string[], isServed: boolean])[] = [
    ['tool.example:443', ['https://tool.example'], false],
    ['tool.example:8443', ['https://tool.example:8443'], false],
    ['tool.example:80', ['https://tool.example'], true],
    ['tool.example:80', ['http://tool.example'], true],
    ['tool.example:5000', ['http://tool.example:5000'], true],
    ['tool.example:5000', ['https://tool.example:5000/a', 'http://tool.example:5000/b'], true],
  ];
  for (const [target, addresses, isServed] of cases) {
    it(`is ${isServed ? '' : 'not '}served to ${target} for ${addresses.join(' and ')}`, () => {
      const named = parseConnectTarget(target);
      assert.ok(named !== undefined);
      const resolved = addresses.map((address, at) => ({
        connector: parseConnector(connector(`tool-${at}`, address) as JsonObject),
        connectorClass: parseConnectorClass(connectorClass('any') as JsonObject),
      }));
      const matches = matchesOfHost(resolved, named);
      assert.equal(matches.length, addresses.length);
      assert.equal(canBePlain(named, matches), isServed);
    });
  }
});
