import type { IncomingMessage } from 'node:http';
import type { ClientIdentity } from '../auth/ports.ts';
import type { RequestBody } from '../tool/request-body.ts';
import type { ExchangeSlot } from './exchange-slots.ts';
import type { TunnelSession } from './tunnel-session.ts';

/** A request with its client. */
export interface ClientRequest {
  readonly request: IncomingMessage;
  /** The client; undefined before it is authenticated. */
  client?: ClientIdentity | undefined;
}

/** A request that has arrived: its headers are complete, and its body is being gathered. */
export interface Arrival extends ClientRequest {
  readonly body: RequestBody;
  readonly slot: ExchangeSlot;
  /** The tunnel that the request came through. */
  readonly session: TunnelSession | undefined;
  /** Aborts when the connection closes before the response is complete. */
  readonly clientGone: AbortSignal;
}
