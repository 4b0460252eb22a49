import assert from 'node:assert/strict';
import { watchIdle } from '../../../../src/proxy/tool/idle-timeout.ts';
import { eventually } from '../../../support/poll.ts';
import { started } from '../../../support/started.ts';

describe('the idle timeout of transfers', () => {
  let nowMs: number;
  let ended: string[];
  /** Bytes of transfers, and their looks so far. */
  let moved: Map<string, number>;
  let looks: Map<string, number>;
  beforeEach(() => {
    nowMs = 0;
    ended = [];
    moved = new Map();
    looks = new Map();
  });

  function watch(name: string, timeoutMs = (): number => 1000): () => void {
    const movedBytes = (): number => {
      looks.set(name, (looks.get(name) ?? 0) + 1);
      return moved.get(name) ?? 0;
    };
    const transfer = { movedBytes, idleTimeoutMs: timeoutMs, onStalled: () => void ended.push(name) };
    return started({ stop: watchIdle(transfer, () => nowMs, 1) }).stop;
  }

  const looked = (name: string): Promise<void> => {
    const before = looks.get(name) ?? 0;
    return eventually(`${name} is looked at`, () => (looks.get(name) ?? 0) > before + 1);
  };

  it('ends a transfer once, and none that moves bytes or has ended', async () => {
    watch('idle');
    watch('busy');
    watch('gone')();
    moved.set('busy', 1);
    nowMs = 1000;
    await looked('busy');
    await eventually('the idle one ends', () => ended.length > 0);
    await looked('busy');
    assert.deepEqual(ended, ['idle']);
    nowMs = 1999;
    await looked('busy');
    assert.deepEqual(ended, ['idle']);
    nowMs = 2000;
    await eventually('the other one ends', () => ended.length > 1);
    assert.deepEqual(ended, ['idle', 'busy']);
  });

  it('ends a transfer whose timeout has become 0, although it moves bytes', async () => {
    let timeoutMs = 1000;
    watch('busy', () => timeoutMs);
    await looked('busy');
    assert.deepEqual(ended, []);
    timeoutMs = 0;
    moved.set('busy', 1);
    await eventually('it ends', () => ended.length > 0);
  });
});
