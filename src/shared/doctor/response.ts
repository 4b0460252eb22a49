import type { ClientRequest, IncomingMessage } from 'node:http';

/** Sends a request and returns its response, without the body. @throws {Error} if there is none. */
export function responseTo(call: ClientRequest): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const receive = (response: IncomingMessage): void => {
      response.on('error', () => undefined).socket.destroy();
      resolve(response);
    };
    call.on('response', receive).on('connect', receive).on('error', reject).end();
  });
}
