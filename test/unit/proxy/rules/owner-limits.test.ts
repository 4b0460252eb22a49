import assert from 'node:assert/strict';
import { parseConnectorClass } from '../../../../src/shared/connectors/parse-connector-class.ts';
import { parseConnector } from '../../../../src/shared/connectors/parse-connector.ts';
import type { JsonObject } from '../../../../src/shared/json.ts';
import { ownerLimitsOf, ownerLimitsProblem, limitAnnotations } from '../../../../src/proxy/rules/owner-limits.ts';
import { connector, connectorClass } from '../../../support/proxy/manifests.ts';

function annotated(object: object, perSecond?: unknown, concurrent?: unknown): JsonObject {
  const annotations = {
    ...(perSecond === undefined ? {} : { [limitAnnotations.perSecond]: perSecond }),
    ...(concurrent === undefined ? {} : { [limitAnnotations.concurrent]: concurrent }),
  };
  const { metadata } = object as { readonly metadata: object };
  return { ...object, metadata: { ...metadata, annotations } } as unknown as JsonObject;
}
const ofConnector = (perSecond?: unknown, concurrent?: unknown) =>
  parseConnector(annotated(connector('tool', 'https://tool.example'), perSecond, concurrent));
const ofClass = (perSecond?: unknown, concurrent?: unknown) =>
  parseConnectorClass(annotated(connectorClass('any'), perSecond, concurrent));

describe('limits that an owner sets', () => {
  it('are those of the Connector, else of its class', () => {
    assert.deepEqual(ownerLimitsOf(ofConnector(), ofClass()), {});
    assert.deepEqual(ownerLimitsOf(ofConnector('0.5', '3'), ofClass('9', '9')), { perSecond: 0.5, concurrent: 3 });
    assert.deepEqual(ownerLimitsOf(ofConnector('7'), ofClass('9', '9')), { perSecond: 7, concurrent: 9 });
    assert.equal(ownerLimitsProblem(ofConnector('7'), ofClass('9', '9')), undefined);
  });

  it('can be numbers without quotes in a manifest', () => {
    assert.deepEqual(ownerLimitsOf(ofConnector(0.5, 3n), ofClass(9n)), { perSecond: 0.5, concurrent: 3 });
    assert.equal(ownerLimitsProblem(ofConnector(0.5, 3n), ofClass(9n)), undefined);
  });

  it('are the smallest ones by a mistake, which is told', () => {
    for (const wrong of ['', '0', '-1', '1e3', 'ten', ' 1', '10001', '1.2345', 'Infinity', {}, null]) {
      assert.deepEqual(ownerLimitsOf(ofConnector(wrong), ofClass()), { perSecond: 1, concurrent: 1 });
      assert.match(
        ownerLimitsProblem(ofConnector(wrong), ofClass()) ?? '',
        /requests-per-second is ".*": write a number/s,
      );
    }
    for (const wrong of ['0', '1.5', '513', 'x']) {
      assert.match(
        ownerLimitsProblem(ofConnector('1', wrong), ofClass()) ?? '',
        /concurrent-requests is ".*": write a whole/,
      );
    }
    assert.match(ownerLimitsProblem(ofConnector(), ofClass('x')) ?? '', /^connectorclass any: annotation /);
  });
});
