import assert from 'node:assert/strict';
import { status } from '@grpc/grpc-js';
import { grpcStatus } from '../../../../src/driver/csi/status.js';
import { errorCodes } from '../../../../src/shared/errors.js';

describe('gRPC statuses', () => {
  for (const code of errorCodes) {
    it(`${code} is the status of that name`, () => assert.equal(status[grpcStatus[code]], code));
  }

  it('are there for nothing else', () => assert.deepEqual(Object.keys(grpcStatus).sort(), [...errorCodes].sort()));
});
