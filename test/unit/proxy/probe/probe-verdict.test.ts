import assert from 'node:assert/strict';
import { toVerdict } from '../../../../src/proxy/probe/probe-verdict.ts';
import type { ProbeVerdict } from '../../../../src/proxy/probe/probe-verdict.ts';
import { ProxyError, rateLimited } from '../../../../src/proxy/proxy-error.ts';

describe('the verdict of a probe that fails', () => {
  const { signal } = new AbortController();
  const verdictOf = (error: Error): Promise<ProbeVerdict | undefined> => toVerdict(signal, () => Promise.reject(error));

  it('says nothing of the tool if the proxy has no capacity', async () => {
    assert.deepEqual(await verdictOf(new ProxyError(503, 'overload', 'too many requests wait: try again')), {
      verdict: 'unknown',
      reason: 'NotChecked',
      message: 'the proxy has no capacity for this check: too many requests wait: try again',
    });
    assert.equal((await verdictOf(rateLimited('too many lookups')))?.reason, 'NotChecked');
  });

  it('says that a tool is unreachable only if the way to it fails', async () => {
    assert.deepEqual(await verdictOf(new ProxyError(502, 'connect', 'no connection to https://tool.example')), {
      verdict: 'unknown',
      reason: 'Unreachable',
      message: 'no connection to https://tool.example',
    });
  });
});
