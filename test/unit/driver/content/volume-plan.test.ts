import assert from 'node:assert/strict';
import type { VolumePlan } from '../../../../src/driver/content/volume-plan.ts';
import { audiencesOf, planVolume } from '../../../../src/driver/content/volume-plan.ts';
import type { ConnectorClass, ResolvedConnector } from '../../../../src/shared/connectors/model.ts';
import { classOf, classWithoutProxy, configurationOf, connectorOf } from '../../../support/domain.ts';

const configurations = [configurationOf('config', { file: '{{ .context.token }}' })];
const outer = 'http://outer.example';
const inner = 'http://inner.example';

const at = (path: string, url: string, connectorClass: ConnectorClass, audience?: string): ResolvedConnector => ({
  connector: connectorOf(path, { url, ...(audience === undefined ? {} : { audience }) }),
  connectorClass,
});

function plan(resolved: readonly ResolvedConnector[], included: readonly string[] = [], proxyUrl?: string): VolumePlan {
  return planVolume(resolved, included, { audience: 'default', proxyUrl });
}

describe('the audience of a volume’s token', () => {
  it('is that of the address, else that of the class, else the driver’s', () => {
    const own = classOf('own', { proxy: { hasRef: true, audience: 'class' } });
    assert.equal(plan([at('ci/a', outer, own, 'address')]).audience, 'address');
    assert.equal(plan([at('ci/a', outer, own)]).audience, 'class');
    assert.equal(plan([at('ci/a', outer, classOf('plain'))]).audience, 'default');
    assert.equal(
      plan([{ connector: connectorOf('ci/a'), connectorClass: classWithoutProxy('text') }]).audience,
      'default',
    );
  });

  it('is in the templates of each class that of its own proxy', () => {
    const resolved = [
      at('ci/a', outer, classOf('one', { configurations }), 'one'),
      at('ci/b', inner, classOf('two', { configurations }), 'two'),
      at('ci/c', inner, classOf('three'), 'two'),
    ];
    const { audience, classAudiences } = plan(resolved, ['config']);
    assert.deepEqual(
      [audience, [...classAudiences]],
      [
        'two',
        [
          ['one', 'one'],
          ['two', 'two'],
        ],
      ],
    );
    assert.deepEqual(audiencesOf(plan(resolved, ['config'])), ['two', 'one']);
    assert.deepEqual(audiencesOf(plan(resolved)), ['two']);
  });

  it('cannot be two where one file has one token', () => {
    const shared = classOf('oci', { configurations });
    const behindOne = [at('ci/a', outer, shared, 'x'), at('ci/b', outer, shared, 'y')];
    assert.throws(() => plan(behindOne), {
      code: 'FAILED_PRECONDITION',
      message:
        /^connectors ci\/a \(audience "x"\) and ci\/b \(audience "y"\) are behind the same proxy .* volumes of their own$/,
    });
    const ofOneClass = [at('ci/a', inner, shared, 'x'), at('ci/b', outer, shared, 'y')];
    assert.equal(plan(ofOneClass).audience, 'y');
    assert.throws(() => plan(ofOneClass, ['config']), {
      code: 'FAILED_PRECONDITION',
      message: /^connectorclass oci: the proxy of connector ci\/b expects a token for audience "y", .* "x"/,
    });
  });
});

describe('the default proxy', () => {
  const unready = (connectorClass: ConnectorClass): ResolvedConnector => ({
    connector: connectorOf('ci/a'),
    connectorClass,
  });

  it('is that of connectors without an address whose class refers to no proxy', () => {
    for (const connectorClass of [classWithoutProxy('text'), classOf('oci', { proxy: { hasRef: false } })]) {
      const { endpoint } = plan([unready(connectorClass)], [], 'http://built-in.example/path');
      assert.deepEqual(
        [endpoint?.authority, endpoint?.address.url],
        ['built-in.example', 'http://built-in.example/path'],
      );
    }
  });

  it('is no business of those that have an address, or will have one', () => {
    assert.equal(plan([at('ci/a', outer, classWithoutProxy('text'))], [], inner).endpoint?.authority, 'outer.example');
    const referring = classOf('own', { proxy: { hasRef: true } });
    assert.throws(() => plan([unready(referring)], [], inner), { code: 'UNAVAILABLE', message: /not reconciled yet/ });
  });

  it('is none unless the operator sets one', () => {
    assert.equal(plan([unready(classWithoutProxy('text'))]).endpoint, undefined);
  });
});
