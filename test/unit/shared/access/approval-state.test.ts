import assert from 'node:assert/strict';
import fc from 'fast-check';
import { approvalStateOf } from '../../../../src/shared/access/approval-state.ts';
import type { JsonValue } from '../../../../src/shared/json.ts';

const condition = (type: string, status: string, reason = '', message = ''): JsonValue => ({
  type,
  status,
  reason,
  message,
});
const ready = condition('Ready', 'True', 'Approved');
const rejected = condition('AccessCheckReady', 'False', 'Rejected', 'not today');
const unmatched = condition('AccessPolicyMatched', 'False', 'NoPolicy', 'none');
const over = condition('AccessPermissionSync', 'True', 'PermissionCleanUp', 'pod is done');
const leaving = { deletionTimestamp: '2026-01-01T00:00:00Z' };

const stateOf = (conditions: JsonValue, metadata = {}): ReturnType<typeof approvalStateOf> =>
  approvalStateOf({ metadata, status: { conditions } });

describe('the state of an AccessRequest', () => {
  const harmless = [
    condition('Ready', 'Unknown', 'Waiting'),
    condition('Ready', 'False', 'Rejected'),
    condition('AccessPolicyMatched', 'True'),
    condition('AccessPolicyMatched', 'Unknown'),
    condition('AccessCheckReady', 'True', 'Rejected'),
    condition('AccessCheckReady', 'False', 'Running'),
    condition('AccessPermissionSync', 'True', 'Synced'),
    condition('AccessPermissionSync', 'False', 'PermissionCleanUp'),
    condition('Anything', 'True', 'PermissionCleanUp'),
  ];

  for (const each of harmless) {
    it(`is pending with ${JSON.stringify(each)}`, () => assert.deepEqual(stateOf([each]), { kind: 'pending' }));
  }

  it('is read in either spelling', () => {
    const alike = [
      [over, condition('PermissionSynced', 'True', 'PermissionCleanUp', 'pod is done')],
      [rejected, condition('AccessCheckReady', 'False', 'AccessCheckRejected', 'not today')],
    ] as const;
    for (const [usual, other] of alike) assert.equal(stateOf([other]).kind, stateOf([usual]).kind);
    assert.deepEqual(stateOf([condition('PermissionSynced', 'True', 'Synced')]), { kind: 'pending' });
    const state = stateOf([condition('AccessCheckReady', 'False', 'AccessCheckRejected', 'not today')]);
    assert.deepEqual(state.kind === 'rejected' && state.checks.map(({ message }) => message), ['not today']);
  });

  it('is pending without a status', () => {
    assert.deepEqual(approvalStateOf({ metadata: {}, spec: {} }), { kind: 'pending' });
  });

  it('is pending with conditions that are none, and takes the others', () => {
    for (const odd of [null, 'Ready', 7n, {}, { type: 'Ready' }, { type: 'Ready', status: true }, []] as const) {
      assert.deepEqual(stateOf(odd), { kind: 'pending' });
      assert.deepEqual(stateOf([odd]), { kind: 'pending' });
      assert.deepEqual(stateOf([odd, ready]), { kind: 'granted' });
    }
  });

  it('is what the weightiest condition says, in any order and among any others', () => {
    const byWeight = [
      { kind: 'over', conditions: [over], metadata: {} },
      { kind: 'rejected', conditions: [rejected], metadata: {} },
      { kind: 'leaving', conditions: [], metadata: leaving },
      { kind: 'granted', conditions: [ready], metadata: {} },
      { kind: 'unmatched', conditions: [unmatched], metadata: {} },
    ];
    fc.assert(
      fc.property(
        fc.subarray(byWeight, { minLength: 1 }).chain((present) =>
          fc.record({
            present: fc.constant(present),
            conditions: fc.shuffledSubarray([...present.flatMap(({ conditions }) => conditions), ...harmless], {
              minLength: present.flatMap(({ conditions }) => conditions).length + harmless.length,
            }),
          }),
        ),
        ({ present, conditions }) => {
          const metadata = Object.assign({}, ...present.map((each) => each.metadata)) as Record<string, string>;
          assert.equal(stateOf(conditions, metadata).kind, present[0]?.kind);
        },
      ),
    );
  });

  it('keeps what was said, cut to what a person reads', () => {
    assert.deepEqual(stateOf([unmatched]), { kind: 'unmatched', message: 'none' });
    assert.deepEqual(stateOf([over]), { kind: 'over', message: 'pod is done' });
    const long = stateOf([condition('AccessPolicyMatched', 'False', '', 'x'.repeat(30_000))]);
    assert.equal('message' in long ? long.message.length : 0, 2000);
  });

  it('keeps every check that rejected, and not the summary of them', () => {
    const other = condition('SecurityScan', 'False', 'Rejected', 'too old');
    const summary = condition('Ready', 'False', 'Rejected', 'two checks said no');
    const state = stateOf([summary, other, condition('Budget', 'False', 'Running'), rejected]);
    assert.deepEqual(state, { kind: 'rejected', checks: [other, rejected] });
  });
});
