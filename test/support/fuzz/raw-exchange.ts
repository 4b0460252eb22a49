import net from 'node:net';

/** How long a server that answers nothing is waited for; it may rightly wait for more of a request. */
const patienceMs = 100;
const atOnce = 8;

/** Says the bytes to a server and ends the connection, at the latest when nothing more comes; what comes is not looked at. */
function exchange(address: net.NetConnectOpts, bytes: Buffer, endsAtOnce: boolean): Promise<void> {
  return new Promise((resolve) => {
    const socket = net.connect({ ...address, allowHalfOpen: true });
    socket.setTimeout(patienceMs, () => socket.destroy());
    socket.on('error', () => undefined);
    socket.once('close', () => resolve());
    socket.once('end', () => socket.destroy());
    socket.resume();
    if (endsAtOnce) socket.end(bytes);
    else socket.write(bytes);
  });
}

/** One connection for each of the inputs, some of which the client ends at once and others it leaves to the server. */
export async function sendAll(address: net.NetConnectOpts, inputs: readonly Buffer[]): Promise<void> {
  const waiting = inputs.entries();
  const work = async (): Promise<void> => {
    for (const [index, bytes] of waiting) await exchange(address, bytes, index % 4 !== 0);
  };
  await Promise.all(Array.from({ length: atOnce }, work));
}
