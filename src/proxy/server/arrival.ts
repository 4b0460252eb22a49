import type { IncomingMessage } from 'node:http';
import type { ProxyError } from '../proxy-error.js';
import type { RequestBody } from '../tool/request-body.js';
import type { ExchangeSlot } from './exchange-slots.js';
import type { TunnelSession } from './tunnel-session.js';

/** A request that has arrived: its headers are complete, and its body is being gathered. */
export interface Arrival {
  readonly request: IncomingMessage;
  readonly body: RequestBody;
  /** The slot of the request, or the error if too many requests are in flight. */
  readonly slot: ExchangeSlot | ProxyError;
  /** The tunnel that the request came through. */
  readonly session: TunnelSession | undefined;
  /** Aborts when the connection closes before the response is complete. */
  readonly leaving: AbortSignal;
}
