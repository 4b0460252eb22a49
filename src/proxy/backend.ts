import type { FeatureFlags } from '../connectors/model.js';
import type { KubeClient } from '../kube/kube-client.js';
import type { Authorizer, TokenVerifier, PodApprovals } from './auth/ports.js';
import type { CaSource } from './certificates/certificate-authority.js';
import type { ConnectorLookup } from './credential/connector-lookup.js';
import type { ConnectorLister } from './credential/connector-lister.js';
import type { SecretSource } from './credential/secret-source.js';
import type { Endpoint } from './upstream/endpoint-set.js';

/** The side of the API server that is written to. */
export interface StatusBackend {
  readonly client: KubeClient;
  readonly objects: ConnectorLister;
}

/** Everything that the proxy asks about the world beyond its connections. */
export interface ProxyBackend {
  readonly tokens: TokenVerifier;
  readonly authorizer: Authorizer;
  readonly approvals: PodApprovals;
  /** @throws {CodedError} when they have never been read, or cannot be understood. */
  readonly flags: (signal: AbortSignal) => Promise<FeatureFlags>;
  readonly connectors: ConnectorLookup;
  readonly secrets: SecretSource;
  readonly ca: CaSource;
  /** What the replicas of this proxy share, and no other proxy has; undefined while it is unknown. */
  readonly identity: () => string | undefined;
  /** Where the API server listens behind its Service. The same array as long as nothing has changed. */
  readonly apiServerEndpoints: () => readonly Endpoint[];
  /** Calls the listener after the CA has changed; undefined where it is there from the start. */
  readonly onCaChange: ((listener: () => void) => void) | undefined;
  /** What the status of Connectors is written with; undefined where it is not written. */
  readonly status: StatusBackend | undefined;
  /** What Connectors and classes take in memory, by an estimate, and how many have found no room. */
  readonly load: () => { readonly bytes: number; readonly refused: number };
  /** Whose word all of it is, when it is not a cluster's: said in the log and in `/readyz`. */
  readonly notice: string | undefined;
  /** Begins to read in the background. */
  readonly start: () => void;
  readonly stop: () => void;
  /** Why requests would fail now; undefined when they would not. */
  readonly problem: () => string | undefined;
}
