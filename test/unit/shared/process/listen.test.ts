import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { CodedError } from '../../../../src/shared/errors.ts';
import { listen } from '../../../../src/shared/process/listen.ts';

describe('listen', () => {
  const server = createServer();
  const other = createServer();
  const reported: Error[] = [];
  const onAcceptError = (error: Error): void => void reported.push(error);
  after(() => {
    server.close();
    other.close();
  });

  it('returns the port, and reports each connection that cannot be accepted', async () => {
    const port = await listen(server, '--proxy-address', { host: '127.0.0.1', port: 0 }, { onAcceptError });
    assert.deepEqual(server.address(), { address: '127.0.0.1', family: 'IPv4', port });
    const errors = [new Error('accept ENOBUFS'), new Error('accept ENOMEM')];
    for (const error of errors) server.emit('error', error);
    assert.deepEqual(reported, errors);
  });

  it('names the flag whose address is in use', async () => {
    const { port } = server.address() as { readonly port: number };
    await assert.rejects(listen(other, '--proxy-address', { host: '127.0.0.1', port }, { onAcceptError }), (error) => {
      assert.ok(error instanceof CodedError);
      assert.equal(error.code, 'FAILED_PRECONDITION');
      assert.equal(error.message, `cannot listen on --proxy-address 127.0.0.1:${port}`);
      return true;
    });
  });
});
