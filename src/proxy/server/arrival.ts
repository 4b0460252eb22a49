import type { IncomingMessage } from 'node:http';
import type { ClientIdentity } from '../auth/client-identity.js';
import type { ProxyError } from '../proxy-error.js';
import type { RequestBody } from '../tool/request-body.js';
import type { ExchangeSlot } from './exchange-slots.js';
import type { TunnelSession } from './tunnel-session.js';

/** A request with its client. */
export interface ClientRequest {
  readonly request: IncomingMessage;
  /** The client; undefined before it is authenticated. */
  client?: ClientIdentity | undefined;
}

/** A request that has arrived: its headers are complete, and its body is being gathered. */
export interface Arrival extends ClientRequest {
  readonly body: RequestBody;
  /** The slot of the request, or the error if too many requests are in flight. */
  readonly slot: ExchangeSlot | ProxyError;
  /** The tunnel that the request came through. */
  readonly session: TunnelSession | undefined;
  /** Aborts when the connection closes before the response is complete. */
  readonly clientGone: AbortSignal;
}
