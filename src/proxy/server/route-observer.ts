import type { ConnectorRef } from '../../shared/connectors/model.ts';
import type { Decision } from '../rules/decision.ts';
import type { Verb } from '../rules/verb.ts';

/** Learns what a request is for and what decides about it, also if it is rejected. */
export interface RouteObserver {
  /** Sets the connectors that the client names, or those of them that the request is for. */
  setNamed(connectors: readonly ConnectorRef[]): void;
  /** Sets the verb of RBAC that a request to a Connector needs. The client can read the Connector. */
  setVerb(verb: Verb): void;
  /** @param rule the rule that decided; undefined if none did. */
  setDecision(decision: Decision['outcome'], rule?: string): void;
}
