import type { Decision } from '../rules/decision.ts';
import type { HandshakeFailure } from './handshake-failure.ts';

/** The proxy mode of a request. */
export type ProxyMode = 'forward' | 'intercepted' | 'tunnel' | 'reverse' | 'unknown';

export interface RequestBytes {
  /** From the client. */
  readonly received: number;
  /** To the client. */
  readonly sent: number;
}

/** Receives what happens to requests and connections of clients, for metrics. */
export interface ServerObserver {
  /**
   * Called once per request.
   * @param outcome `ok` or the reason of the failure.
   * @param status 0 if no response was sent.
   */
  finished(mode: ProxyMode, outcome: string, status: number, durationMs: number, bytes: RequestBytes): void;
  /** Called with the decision of the rules of a Connector. */
  ruled(outcome: Decision['outcome']): void;
  tunnelOpened(kind: 'intercepted' | 'passthrough'): void;
  tunnelClosed(kind: 'intercepted' | 'passthrough'): void;
  /** Called if a client ends the TLS handshake in an intercepted tunnel. */
  handshakeFailed(reason: HandshakeFailure): void;
  /** Called after a handler failed without a response. */
  handlerFailed(): void;
}
