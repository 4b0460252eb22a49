import assert from 'node:assert/strict';
import type { Connector } from '../../../../src/shared/connectors/model.ts';
import { parseConnector } from '../../../../src/shared/connectors/parse-connector.ts';
import { parseConnectorClass } from '../../../../src/shared/connectors/parse-connector-class.ts';
import type { JsonObject } from '../../../../src/shared/json.ts';
import { proxyLimits } from '../../../../src/proxy/limits.ts';
import { ProxyError } from '../../../../src/proxy/proxy-error.ts';
import { ThreadShares } from '../../../../src/proxy/thread-shares.ts';
import { RuleEnforcer } from '../../../../src/proxy/server/rule-enforcer.ts';
import { connector, connectorClass as classOf } from '../../../support/proxy/manifests.ts';

const { burst, everyMs, common } = proxyLimits.thread;
const allowed = '- allow: { methods: [GET] }';
const long = allowed.padEnd(proxyLimits.rules.characters);
const get = { method: 'GET', pathname: '/a', query: '', rawHeaders: [], hasBody: false, contentType: undefined };
const entry = {} as never;

const connectorClass = parseConnectorClass(classOf('any') as JsonObject);

function revision(namespace: string, rules: string, name = 'tool'): Connector {
  return parseConnector(connector(name, 'https://tool.example', { namespace, rules: { rules } }) as JsonObject);
}

describe('RuleEnforcer', () => {
  let nowMs: number;
  /** Each parsing takes an eighth of the burst. */
  let cpuMs: number;
  let enforcer: RuleEnforcer;

  beforeEach(() => {
    nowMs = 0;
    cpuMs = 0;
    const threads = new ThreadShares(
      () => nowMs,
      () => (cpuMs += burst / 8),
    );
    enforcer = new RuleEnforcer({ ruled: () => undefined }, threads);
  });

  /** @returns 200 or the status of the rejection. */
  function use(of: Connector): number {
    try {
      enforcer.enforce({ connector: of, connectorClass }, { ...get, isUpgrade: false, isRead: true }, entry);
      return 200;
    } catch (error) {
      assert.ok(error instanceof ProxyError);
      assert.match(
        error.message,
        /^namespace edits has used up its share of CPU time, and rules of its connectors have changed: try again in 5 s$/,
      );
      return error.status;
    }
  }

  it('rejects new rules of a namespace that changes too many, not rules that it knows, nor those of others', () => {
    const first = revision('edits', long, 'first');
    assert.equal(use(first), 200);
    for (let used = 1; used < 8; used += 1) {
      // So long that what all have in common is free again.
      nowMs += (common.everyMs * burst) / 8;
      assert.equal(use(revision('edits', long)), 200);
    }
    nowMs += (common.everyMs * burst) / 8;
    assert.equal(use(revision('edits', allowed)), 200, 'the last may exceed the limit');
    const next = revision('edits', long);
    assert.equal(use(next), 429);
    assert.equal(use(first), 200);
    assert.equal(use(revision('other', long)), 200);
    nowMs += everyMs * (burst / 8);
    assert.equal(use(next), 200);
  });
});
