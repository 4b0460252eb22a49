import type { ConnectorRef } from '../../shared/connectors/model.ts';
import type { Decision } from '../rules/decision.ts';
import type { Verb } from '../rules/read-only.ts';
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

/** The connectors of a request and the decision about it, also if it is rejected. */
export interface RouteRecord {
  /** The connectors that the client names, or those of them that the request is for. */
  named: readonly ConnectorRef[];
  /** The verb of RBAC that a request to a Connector needs. The client can read the Connector. */
  verb: Verb | undefined;
  decision: Decision['outcome'] | undefined;
  /** The rule that decided; undefined if none did. */
  rule: string | undefined;
}
