import type { Awaitable } from '../shared/awaitable.ts';
import type { FeatureFlags } from '../shared/connectors/model.ts';
import type { Authorizer, TokenVerifier, PodApprovals } from './auth/ports.ts';
import type { CaSource } from './certificates/certificate-authority.ts';
import type { ObjectLoad, ConnectorLookup } from './connectors/connector-informer.ts';
import type { SubjectTokens } from './credentials/issuer/subject-tokens.ts';
import type { SecretSource } from './secrets/secret-source.ts';
import type { StatusControllerOptions } from './status/status-controller.ts';
import type { Endpoint } from './tool/address-rules.ts';

/** Everything that decides about a request of a known client: permissions, Connectors and Secrets. */
export interface DecisionSources {
  readonly authorizer: Authorizer;
  readonly approvals: PodApprovals;
  /** @throws {CodedError} if the feature flags have never been read or are malformed. */
  readonly flags: (signal: AbortSignal) => Awaitable<FeatureFlags>;
  readonly connectors: ConnectorLookup;
  readonly secrets: SecretSource;
  /** Undefined without a cluster. */
  readonly subjectTokens: SubjectTokens | undefined;
}

/** Everything that the proxy knows of the outside except its connections: the above, identities, and the CA. */
export interface ProxyBackend extends DecisionSources {
  readonly tokens: TokenVerifier;
  readonly ca: CaSource;
  /** An identifier that the replicas of this proxy share and no other proxy has; undefined until it is known. */
  readonly identity: () => string | undefined;
  /** Addresses of the API servers behind their Service. */
  readonly apiServerEndpoints: () => readonly Endpoint[];
  /** Access for status updates; undefined if status is not written. */
  readonly status: Pick<StatusControllerOptions, 'client' | 'objects' | 'onCaChange'> | undefined;
  readonly load: () => ObjectLoad;
  /** Starts reading in the background. */
  readonly start: () => void;
  readonly stop: () => void;
  /** Returns why requests would fail now; undefined if they would not. */
  readonly problem: () => string | undefined;
}
