import assert from 'node:assert/strict';
import { templateData } from '../../../../src/driver/content/template-renderer.ts';
import { Secret } from '../../../../src/shared/secret.ts';
import { classOf, connectorOf } from '../../../support/domain.ts';

const token = new Secret('token');

describe('template data', () => {
  it('is the whole objects with what the driver adds', () => {
    const connector = connectorOf('ci/harbor', { url: 'http://p/x' }, { kind: 'Connector', status: { ready: true } });
    const connectorClass = classOf('oci', {
      proxyAddress: { url: 'http://class' },
      object: { kind: 'ConnectorClass' },
    });
    const view = {
      metadata: { namespace: 'ci', name: 'harbor' },
      kind: 'Connector',
      name: 'harbor',
      namespace: 'ci',
      spec: { params: [], addressExtensions: [] },
      status: { ready: true, proxyAddress: 'http://p/x' },
    };
    assert.deepEqual(templateData({ connectorClass, connectors: [connector] }, { a: 'b' }, token, 'PEM'), {
      connector: view,
      connectors: [view],
      connectorclass: { kind: 'ConnectorClass', name: 'oci', proxyAddress: 'http://class' },
      context: { token: 'token', proxy: { caCert: 'PEM' } },
      configurations: { a: 'b' },
    });
  });

  it('has empty strings for what is not known', () => {
    const data = templateData({ connectorClass: classOf('x'), connectors: [connectorOf('a/b')] }, {}, token, undefined);
    assert.deepEqual(data['context'], { token: 'token', proxy: { caCert: '' } });
    assert.deepEqual((data['connectorclass'] as { proxyAddress: string }).proxyAddress, '');
    assert.deepEqual((data['connector'] as { status: unknown }).status, { proxyAddress: '' });
  });

  it('has as proxy of a class without a status that of the first connector, without its path', () => {
    const connectors = [connectorOf('ci/a', { url: 'HTTP://proxy.example:8080/namespaces/ci' }), connectorOf('ci/b')];
    const data = templateData({ connectorClass: classOf('x'), connectors }, {}, token, undefined);
    assert.equal((data['connectorclass'] as { proxyAddress: string }).proxyAddress, 'http://proxy.example:8080');
  });

  it('fills in the defaults of the class, and overrides none that is set', () => {
    const spec = { params: [{ name: 'set', value: 'own' }], addressExtensions: null };
    const classSpec = {
      params: [
        { name: 'set', default: 'default' },
        { name: 'unset', default: 'default' },
        { name: 'without' },
        'not even an object',
      ],
      addressExtensions: [{ name: 'port', value: '8443' }],
    };
    const connectorClass = classOf('x', { object: { spec: classSpec } });
    const data = templateData(
      { connectorClass, connectors: [connectorOf('ci/a', undefined, { spec })] },
      {},
      token,
      '',
    );
    assert.deepEqual((data['connector'] as { spec: unknown }).spec, {
      params: [
        { name: 'set', value: 'own' },
        { name: 'unset', value: 'default' },
      ],
      addressExtensions: [{ name: 'port', value: '8443' }],
    });
  });
});
