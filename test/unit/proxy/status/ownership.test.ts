import assert from 'node:assert/strict';
import { parseConnectorClass } from '../../../../src/shared/connectors/parse-connector-class.js';
import { parseConnector } from '../../../../src/shared/connectors/parse-connector.js';
import { CodedError } from '../../../../src/shared/errors.js';
import type { JsonObject } from '../../../../src/shared/json.js';
import { isOwn, missingClassResults } from '../../../../src/proxy/status/ownership.js';
import { connectorUrl } from '../../../../src/proxy/status/proxy-service.js';
import { connector, connectorClass, statusService as service } from '../../../support/proxy/manifests.js';

const second = { ...service, name: 'second-proxy' };
const { name, namespace } = service;
const classOf = (ref: object) =>
  parseConnectorClass(connectorClass('any', { proxy: { ref: { kind: 'Service', ...ref } } }) as JsonObject);
const unreadable = new CodedError('FAILED_PRECONDITION', 'it is malformed');
const ref = { namespace: 'ci', name: 'tool' };
const [report] = missingClassResults(made({}), ['git', 'oci']);

function made(status: object) {
  return parseConnector({ ...connector('tool', 'https://tool.example'), status } as unknown as JsonObject);
}
const addressed = (url: string) => made({ proxy: { httpAddress: { url } } });

describe('the status of a Connector', () => {
  it('is written by the proxy that its class names', () => {
    assert.ok(isOwn(made({}), classOf({ name, namespace }), service));
    assert.ok(!isOwn(made({}), classOf({ name, namespace }), second));
    assert.ok(!isOwn(made({}), classOf({ name, namespace: 'other' }), service));
  });

  it('is written by the proxy whose address it has, where its class is gone or cannot be read', () => {
    for (const found of [undefined, unreadable]) {
      assert.ok(isOwn(addressed(connectorUrl(second, ref)), found, second));
      assert.ok(!isOwn(addressed(connectorUrl(second, ref)), found, service));
    }
    assert.ok(!isOwn(made({}), unreadable, service));
  });

  it('stays that of a proxy whose operator has changed the scheme of its address', () => {
    const address = addressed(connectorUrl(service, ref));
    assert.ok(isOwn(address, undefined, { ...service, scheme: 'https' }));
    assert.ok(!isOwn(address, undefined, { ...second, scheme: 'https' }));
  });

  it('is written by no proxy where there is no class and no address', () => {
    assert.ok(!isOwn(made({}), undefined, service));
  });

  it('says what to do about a class that does not exist', () => {
    const [none] = missingClassResults(made({}), []);
    assert.equal(none?.message, 'connectorclass any does not exist: no ConnectorClass exists, create it');
    assert.equal(
      report?.message,
      'connectorclass any does not exist: create it, or change spec.connectorClassName to one that exists (git, oci)',
    );
  });
});
