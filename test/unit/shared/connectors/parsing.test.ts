import assert from 'node:assert/strict';
import { defaultFlags, parseFeatureFlags } from '../../../../src/shared/connectors/feature-flags.ts';
import { parseConnectorClass } from '../../../../src/shared/connectors/parse-connector-class.ts';
import { parseConnector } from '../../../../src/shared/connectors/parse-connector.ts';
import type { JsonObject } from '../../../../src/shared/json.ts';

const pem = '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n';

const connector = {
  metadata: { namespace: 'ci', name: 'harbor' },
  spec: { connectorClassName: 'oci', auth: { secretRef: { name: 'robot' } } },
  status: { proxy: { httpAddress: { url: 'http://proxy/x', CACerts: pem } } },
};

describe('parseConnector', () => {
  it('reads what the driver uses and keeps the whole object', () => {
    assert.deepEqual(parseConnector(connector), {
      ref: { namespace: 'ci', name: 'harbor' },
      className: 'oci',
      proxyAddress: { url: 'http://proxy/x', caCerts: pem },
      object: connector,
    });
  });

  it('takes certificates only of what it is told to trust', () => {
    const withCa = (CACerts: string): unknown =>
      parseConnector({ ...connector, status: { proxy: { httpAddress: { url: 'http://proxy/x', CACerts } } } })
        .proxyAddress;
    const key = '-----BEGIN PRIVATE KEY-----\nMHcC\n-----END PRIVATE KEY-----\n';
    assert.deepEqual(withCa(`${pem}${key}# ours\n${pem}`), { url: 'http://proxy/x', caCerts: pem + pem });
    for (const none of [key, 'PEM', ' \n']) assert.deepEqual(withCa(none), { url: 'http://proxy/x' });
  });

  it('knows no address while none is set', () => {
    for (const status of [
      undefined,
      null,
      {},
      { proxy: null },
      { proxy: { httpAddress: { url: '', CACerts: pem } } },
    ]) {
      const object = { ...connector, ...(status === undefined ? { status: null } : { status }) } as JsonObject;
      assert.ok(!('proxyAddress' in parseConnector(object)));
    }
  });

  for (const [what, change, message] of [
    ['no name', { metadata: { namespace: 'ci' } }, 'connector ci/(unnamed): metadata.name must be set'],
    ['no namespace', { metadata: { name: 'a' } }, 'connector (unnamed)/a: metadata.namespace must be set'],
    ['no class', { spec: {} }, 'connector ci/harbor: spec.connectorClassName must be set'],
    ...['a,metadata.name=b', '../oci', 'Oci', 'x'.repeat(254), 'y'.repeat(1_000_000)].map(
      (connectorClassName) =>
        [
          `the class ${connectorClassName.slice(0, 20)}`,
          { spec: { connectorClassName } },
          'connector ci/harbor: spec.connectorClassName must be the name of a ConnectorClass',
        ] as const,
    ),
    ['a spec that is text', { spec: 'x' }, 'connector ci/harbor: spec must be an object'],
    [
      'an address that is text',
      { status: { proxy: { httpAddress: 'http://proxy' } } },
      'connector ci/harbor: status.proxy.httpAddress must be an object',
    ],
  ] as const) {
    it(`refuses one with ${what}`, () => {
      assert.throws(() => parseConnector({ ...connector, ...change }), { code: 'FAILED_PRECONDITION', message });
    });
  }
});

describe('parseConnectorClass', () => {
  const spec = {
    proxy: { uri: 'http://proxy' },
    configurations: [
      {
        name: 'config',
        data: { 'b.conf': 'B', 'a.conf': null },
        params: [{ name: 'plain' }, { name: 'list', type: 'array', default: ['x'], enum: [['x'], ['y']] }],
      },
    ],
  };
  const parse = (change: JsonObject): ReturnType<typeof parseConnectorClass> =>
    parseConnectorClass({ metadata: { name: 'oci' }, spec: { ...spec, ...change } });

  it('reads proxy and configurations', () => {
    const { name, proxy, configurations } = parse({});
    assert.deepEqual([name, proxy !== undefined], ['oci', true]);
    assert.deepEqual(configurations, [
      {
        name: 'config',
        files: new Map([
          ['b.conf', 'B'],
          ['a.conf', ''],
        ]),
        params: [
          { name: 'plain', type: 'string' },
          { name: 'list', type: 'array', default: ['x'], enum: [['x'], ['y']] },
        ],
      },
    ]);
  });

  it('reads the properties of object params', () => {
    const properties = { user: { type: 'string' }, kind: { default: 'http', enum: ['http', 'ssh'] } };
    const params = [
      { name: 'map', type: 'object', properties },
      { name: 'any', type: 'object', properties: {} },
    ];
    const [configuration] = parse({ configurations: [{ name: 'c', params }] }).configurations;
    assert.deepEqual(configuration?.params, [
      {
        name: 'map',
        type: 'object',
        properties: new Map([
          ['user', {}],
          ['kind', { default: 'http', enum: ['http', 'ssh'] }],
        ]),
      },
      { name: 'any', type: 'object' },
    ]);
  });

  it('takes a missing or null proxy for none, and an empty one for one', () => {
    assert.equal(parse({ proxy: null }).proxy, undefined);
    assert.deepEqual(parse({ proxy: {} }).proxy, { hasRef: false });
    const whole = { ref: { kind: 'Service', name: 'x' }, audience: 'own', CACerts: pem };
    assert.deepEqual(parse({ proxy: whole }).proxy, { hasRef: true, audience: 'own', caCerts: pem });
    assert.deepEqual(parse({ proxy: { audience: '', CACerts: '' } }).proxy, { hasRef: false });
    assert.throws(() => parse({ proxy: { audience: 'x'.repeat(1025) } }), { message: /spec\.proxy\.audience must be/ });
    assert.deepEqual(parseConnectorClass({ metadata: { name: 'x' } }).configurations, []);
  });

  it('keeps a default that is empty or false, which is not the same as none', () => {
    const configurations = [
      {
        name: 'c',
        params: [
          { name: 'p', default: '' },
          { name: 'q', default: false },
        ],
      },
    ];
    const [configuration] = parse({ configurations }).configurations;
    assert.deepEqual(
      configuration?.params.map((param) => param.default),
      ['', false],
    );
  });

  for (const [what, configuration, problem] of [
    ['a configuration without a name', {}, '.name must be set'],
    ['a template that is no text', { name: 'c', data: { f: 1n } }, '.data.f must be a string'],
    ['a param without a name', { name: 'c', params: [{}] }, '.params[0].name must be set'],
    [
      'a type that there is not',
      { name: 'c', params: [{ name: 'p', type: 'int' }] },
      '.params[0].type must be one of string, array, object',
    ],
    [
      'an enumeration that is no list',
      { name: 'c', params: [{ name: 'p', enum: 'a' }] },
      '.params[0].enum must be a list',
    ],
  ] as const) {
    it(`refuses ${what}`, () => {
      assert.throws(() => parse({ configurations: [configuration] }), {
        code: 'FAILED_PRECONDITION',
        message: `connectorclass oci: spec.configurations[0]${problem}`,
      });
    });
  }
});

describe('parseFeatureFlags', () => {
  it('takes a missing or empty value for the default', () => {
    for (const data of [undefined, null, {}, { 'enable-multi-connector': '' }]) {
      assert.deepEqual(parseFeatureFlags(data === undefined ? {} : { data }), defaultFlags);
    }
  });

  for (const value of ['True', 'yes', ' true', '1', true]) {
    it(`guesses nothing from ${JSON.stringify(value)}`, () => {
      assert.throws(() => parseFeatureFlags({ data: { 'enable-connectors-approval': value } }), {
        code: 'FAILED_PRECONDITION',
        message: /^configmap connectors-config: data\.enable-connectors-approval must be /,
      });
    });
  }
});
