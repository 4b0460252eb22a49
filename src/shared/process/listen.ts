import type { AddressInfo, Server } from 'node:net';
import { CodedError } from '../errors.ts';

export interface ListenAddress {
  /** Undefined: all addresses of the machine. */
  readonly host: string | undefined;
  readonly port: number;
}

/**
 * Listens on the address of a flag.
 * @param backlog connections that can wait to be accepted; the system's usual number by default.
 * @param reusePort permits other servers at the port. @param onAcceptError called when a connection cannot be accepted. The server goes on.
 * @returns the port.
 * @throws {CodedError} FAILED_PRECONDITION if the address cannot be used.
 */
export async function listen(
  server: Server,
  flag: string,
  { host, port }: ListenAddress,
  options: { readonly backlog?: number; readonly reusePort?: boolean; readonly onAcceptError: (error: Error) => void },
): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    const fail = (cause: Error): void =>
      reject(new CodedError('FAILED_PRECONDITION', `cannot listen on ${flag} ${host ?? ''}:${port}`, { cause }));
    server.once('error', fail);
    server.listen({ port, ...options, ...(host === undefined ? {} : { host }) }, () => {
      server.off('error', fail);
      server.on('error', options.onAcceptError);
      resolve();
    });
  });
  return (server.address() as AddressInfo).port;
}
