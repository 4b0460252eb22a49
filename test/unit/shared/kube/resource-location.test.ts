import assert from 'node:assert/strict';
import { labelOf, pathOf } from '../../../../src/shared/kube/resource-location.ts';

const pods = { apiVersion: 'v1', kind: 'Pod', plural: 'pods' };
const drivers = { apiVersion: 'storage.k8s.io/v1', kind: 'CSIDriver', plural: 'csidrivers' };

describe('pathOf', () => {
  it('tells the core group from the others', () => {
    assert.equal(pathOf({ type: pods, namespace: 'ns', name: 'p' }), '/api/v1/namespaces/ns/pods/p');
    assert.equal(pathOf({ type: drivers, name: 'd' }), '/apis/storage.k8s.io/v1/csidrivers/d');
    assert.equal(pathOf({ type: pods }), '/api/v1/pods');
  });

  it('ends in the subresource', () => {
    const location = { type: pods, namespace: 'ns', name: 'p', subresource: 'status' };
    assert.equal(pathOf(location), '/api/v1/namespaces/ns/pods/p/status');
    assert.equal(labelOf(location), 'pods/status');
  });

  it('keeps every name in its place', () => {
    assert.equal(
      pathOf({ type: pods, namespace: 'a/b', name: 'c?d#e%2f' }),
      '/api/v1/namespaces/a%2Fb/pods/c%3Fd%23e%252f',
    );
    for (const name of ['', '.', '..']) {
      assert.throws(() => pathOf({ type: pods, namespace: 'ns', name }), { code: 'INVALID_ARGUMENT' });
    }
  });
});
