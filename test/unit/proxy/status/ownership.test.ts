import assert from 'node:assert/strict';
import { parseConnectorClass } from '../../../../src/connectors/parse-connector-class.js';
import { parseConnector } from '../../../../src/connectors/parse-connector.js';
import { CodedError } from '../../../../src/errors.js';
import type { JsonObject } from '../../../../src/json.js';
import { missingClassResults, ownershipOf } from '../../../../src/proxy/status/ownership.js';
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
const reported = made({ conditions: [report] });
const reportedByOthers = made({ conditions: [{ type: 'ConnectorClassReady', status: 'False', message: 'not there' }] });

describe('the status of a Connector', () => {
  it('is written by the proxy that its class names', () => {
    assert.equal(ownershipOf(made({}), classOf({ name, namespace }), service), 'own');
    assert.equal(ownershipOf(made({}), classOf({ name, namespace }), second), 'foreign');
    assert.equal(ownershipOf(made({}), classOf({ name, namespace: 'other' }), service), 'foreign');
  });

  it('is written by the proxy whose address it has, where its class is gone or cannot be read', () => {
    for (const found of [undefined, unreadable]) {
      assert.equal(ownershipOf(addressed(connectorUrl(second, ref)), found, second), 'own');
      assert.equal(ownershipOf(addressed(connectorUrl(second, ref)), found, service), 'foreign');
    }
    assert.equal(ownershipOf(made({}), unreadable, service), 'foreign');
  });

  it('stays that of a proxy whose operator has changed the scheme of its address', () => {
    const address = addressed(connectorUrl(service, ref));
    assert.equal(ownershipOf(address, undefined, { ...service, scheme: 'https' }), 'own');
    assert.equal(ownershipOf(address, undefined, { ...second, scheme: 'https' }), 'foreign');
  });

  it('is written by the proxy of the default Service alone, where there is no class and no address', () => {
    assert.equal(ownershipOf(made({}), undefined, service), 'orphan');
    assert.equal(ownershipOf(reported, undefined, service), 'orphan');
    assert.equal(ownershipOf(made({}), undefined, second), 'foreign');
    assert.equal(ownershipOf(reportedByOthers, undefined, service), 'foreign');
  });

  it('is taken back by the proxy that has reported a missing class, when the class is not its own', () => {
    assert.equal(ownershipOf(reported, classOf({ name: 'another', namespace }), service), 'left');
    assert.equal(ownershipOf(reported, classOf({ name, namespace }), service), 'own');
    assert.equal(ownershipOf(reported, classOf({ name: 'another', namespace }), second), 'foreign');
    assert.equal(ownershipOf(reportedByOthers, classOf({ name: 'another', namespace }), service), 'foreign');
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
