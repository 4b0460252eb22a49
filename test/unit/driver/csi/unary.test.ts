import assert from 'node:assert/strict';
import { EventEmitter, getEventListeners } from 'node:events';
import type { ServerUnaryCall, ServiceError } from '@grpc/grpc-js';
import { status } from '@grpc/grpc-js';
import type { RpcHandler } from '../../../../src/driver/csi/unary.ts';
import { unary } from '../../../../src/driver/csi/unary.ts';
import { CodedError, abortError } from '../../../../src/shared/errors.ts';
import { keptLog } from '../../../support/log-lines.ts';

type Call = ServerUnaryCall<string, string>;
type Line = Readonly<Record<string, unknown>>;

interface Outcome {
  readonly error: Partial<ServiceError> | null;
  readonly response: string | undefined;
  readonly line: Line;
  readonly observed: readonly unknown[];
}

/** The part of a gRPC call that a unary handler looks at. */
function callOf(deadline: Date | number): Call {
  const parts = { request: 'request', getDeadline: () => deadline };
  return Object.assign(new EventEmitter(), parts) as unknown as Call;
}

async function serve(
  handler: RpcHandler<string, string>,
  {
    rpc = 'NodePublishVolume',
    call = callOf(Infinity),
    maxDurationMs = 60_000,
    stopping = new AbortController().signal,
  } = {},
): Promise<Outcome> {
  const { log, lines } = keptLog();
  const observed: unknown[] = [];
  let finished = (): void => undefined;
  const isFinished = new Promise<void>((resolve) => (finished = resolve));
  const observer = {
    started: (name: string) => void observed.push(name),
    finished: (name: string, code: string) => {
      observed.push(name, code);
      finished();
    },
  };
  const answer = new Promise<Pick<Outcome, 'error' | 'response'>>((resolve) => {
    unary<string, string>(
      rpc,
      { log, observer, maxDurationMs, stopping },
      handler,
    )(call, (error, response) => resolve({ error, response: response ?? undefined }));
  });
  const { error, response } = await answer;
  await isFinished;
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(lines.length, 1);
  return { error, response, line: JSON.parse(lines[0]!) as Line, observed };
}

const untilAborted: RpcHandler<string, string> = (_request, signal) =>
  new Promise((_resolve, reject) => {
    if (signal.aborted) reject(abortError(signal));
    signal.addEventListener('abort', () => reject(abortError(signal)));
  });

describe('a unary RPC', () => {
  it('answers with what its function returns, and logs what that reports', async () => {
    const { error, response, line, observed } = await serve((request, _signal, report) => {
      report.volumeId = 'csi-1';
      return Promise.resolve(`${request}ed`);
    });
    assert.equal(error, null);
    assert.equal(response, 'requested');
    assert.deepEqual(observed, ['NodePublishVolume', 'NodePublishVolume', 'OK']);
    const { level, rpc, code, volumeId } = line;
    assert.deepEqual(
      { level, rpc, code, volumeId },
      { level: 'info', rpc: 'NodePublishVolume', code: 'OK', volumeId: 'csi-1' },
    );
    assert.equal(typeof line['durationMs'], 'number');
  });

  it('answers with the status and message of a CodedError', async () => {
    const { error, line, observed } = await serve(() => {
      throw new CodedError('NOT_FOUND', 'connector ci/x does not exist', { cause: new Error('404') });
    });
    assert.deepEqual(error, { code: status.NOT_FOUND, details: 'connector ci/x does not exist' });
    assert.deepEqual(observed.at(-1), 'NOT_FOUND');
    assert.equal(line['level'], 'warn');
    assert.deepEqual(line['error'], {
      name: 'CodedError',
      code: 'NOT_FOUND',
      message: 'connector ci/x does not exist',
      cause: { name: 'Error', message: '404' },
    });
  });

  it('keeps a message to what fits a header, and logs all of it', async () => {
    const message = 'a name, '.repeat(100_000);
    const { error, line } = await serve(() => {
      throw new CodedError('INVALID_ARGUMENT', message);
    });
    assert.deepEqual(error, { code: status.INVALID_ARGUMENT, details: `${message.slice(0, 4000)}…` });
    assert.ok(JSON.stringify(line).includes(message));
    const halved = await serve(() => {
      throw new CodedError('ABORTED', `half a party ${'🎉'.charAt(0)}`);
    });
    assert.equal(halved.error?.details, 'half a party \ufffd');
  });

  it('ends before its caller’s deadline, and before its own without one', async () => {
    const late = await serve(untilAborted, { call: callOf(new Date(Date.now() + 20)) });
    assert.deepEqual(late.error, {
      code: status.DEADLINE_EXCEEDED,
      details: 'NodePublishVolume ran out of time; the kubelet will retry',
    });
    const over = await serve(untilAborted, { call: callOf(new Date(0)) });
    assert.equal(over.error?.code, status.DEADLINE_EXCEEDED);
    const own = await serve(untilAborted, { maxDurationMs: 5 });
    assert.equal(own.error?.code, status.DEADLINE_EXCEEDED);
  });

  it('ends when the driver stops, also when that was before it came', async () => {
    const reason = new CodedError('UNAVAILABLE', 'the driver is stopping');
    const stopping = new AbortController();
    const running = serve(untilAborted, { stopping: stopping.signal });
    stopping.abort(reason);
    for (const { error } of [await running, await serve(untilAborted, { stopping: stopping.signal })]) {
      assert.deepEqual(error, { code: status.UNAVAILABLE, details: reason.message });
    }
  });

  it("shares one listener for the driver's stop with all that run, and is not ended any more when it has ended", async () => {
    const stopping = new AbortController();
    let signalOfEnded: AbortSignal | undefined;
    await serve(
      (_request, signal) => {
        signalOfEnded = signal;
        return '';
      },
      { stopping: stopping.signal },
    );
    const running = [1, 2, 3].map(() => serve(untilAborted, { stopping: stopping.signal }));
    assert.equal(getEventListeners(stopping.signal, 'abort').length, 1);
    stopping.abort(new CodedError('UNAVAILABLE', 'the driver is stopping'));
    for (const { error } of await Promise.all(running)) assert.equal(error?.code, status.UNAVAILABLE);
    assert.equal(signalOfEnded?.aborted, false);
  });

  for (const [what, rpc, outcome, level] of [
    ['a publish', 'NodePublishVolume', 'fresh', 'info'],
    ['a publish that changed nothing', 'NodePublishVolume', 'unchanged', 'debug'],
    ['an RPC that comes all the time', 'NodeGetVolumeStats', undefined, 'debug'],
  ] as const) {
    it(`logs the success of ${what} at level ${level}`, async () => {
      const { line } = await serve(
        (_request, _signal, report) => {
          if (outcome !== undefined) report.outcome = outcome;
          return '';
        },
        { rpc },
      );
      assert.equal(line['level'], level);
    });
  }
});
