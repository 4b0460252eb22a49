import { run } from '../../../src/proxy/check/run-check.ts';
import {
  parseAskedClient,
  parseAskedConnectors,
  parseAskedRequest,
  wordsOf,
} from '../../../src/proxy/check/question.ts';
import { RequestChecker } from '../../../src/proxy/check/request-checker.ts';
import type { DecisionSources } from '../../../src/proxy/backend.ts';
import { parseProxyConfig } from '../../../src/proxy/config.ts';
import type { Answer } from '../../../src/proxy/check/decision-trace.ts';
import { assertNoToken } from '../driver/canary.ts';
import { credentialCanary } from '../proxy/proxy-fixture.ts';

/** Runs `check` in the process of the test. No output can hold a credential. */
export async function runCheck(
  ...args: readonly string[]
): Promise<{ readonly status: number; readonly out: string; readonly err: string }> {
  let out = '';
  let err = '';
  const status = await run({
    args,
    env: {},
    stdout: (text) => (out += text),
    stderr: (text) => (err += text),
    logOutput: { write: () => undefined, droppedLines: 0, onResumed: () => undefined },
    stopped: new AbortController().signal,
  });
  assertNoToken(out + err, 'the output of check');
  const encoded = Buffer.from(credentialCanary).toString('base64').slice(2, 20);
  if ((out + err).includes(credentialCanary) || (out + err).includes(encoded))
    throw new Error('a credential is in the output of check');
  return { status, out, err };
}

/** Runs `check` for one request. */
export async function ask(
  { connector, as }: { readonly connector: string; readonly as: string },
  request: string,
  ...flags: readonly string[]
): Promise<Answer> {
  const { status, out } = await runCheck(
    ...['--connector', connector, '--as', as, '--request', request, '--output', 'json', ...flags],
  );
  const answer = JSON.parse(out) as Answer;
  if (status !== (answer.passes ? 0 : 1)) throw new Error(`status ${status} for ${out}`);
  return answer;
}

/** Checks requests of the account `ci/builder` and its pod, with one checker. */
export function checkerOf(
  sources: DecisionSources,
  flags: readonly string[],
  pod?: { readonly name: string; readonly uid: string },
): (connectors: string, request: string) => Promise<Answer> {
  const checker = new RequestChecker({ sources, config: parseProxyConfig(flags, {}), isOtherUser: false });
  const client = parseAskedClient('system:serviceaccount:ci:builder', pod && { namespace: 'ci', ...pod });
  return (connectors, request) =>
    checker.check(
      {
        client,
        connectors: parseAskedConnectors(connectors, client),
        request: parseAskedRequest(wordsOf(request)),
        needsCredential: true,
      },
      new AbortController().signal,
    );
}
