import type { Connector, ConnectorRef } from '../../shared/connectors/model.js';
import type { ClientIdentity } from '../auth/client-identity.js';
import type { DecisionSources } from '../backend.js';
import type { ProxyConfig } from '../config.js';
import type { ToolAddress } from '../connectors/tool-address.js';
import { pathnameOf } from '../server/request-target.js';
import { Router } from '../server/router.js';
import type { Route, RouterOptions } from '../server/router.js';
import { textOf } from '../server/routing-errors.js';
import { RuleEnforcer } from '../server/rule-enforcer.js';
import type { ToolAccess } from '../tool-access.js';
import { noCredential } from '../tool/tool-credential.js';
import { nameOf } from '../tool/tool-origin.js';
import type { ToolOrigin } from '../tool/tool-origin.js';
import { Via } from '../tool/via.js';
import { clientLimitsProblem } from '../rules/client-limits.js';
import { decide } from '../rules/decision.js';
import { rulesOf } from '../rules/request-rules.js';
import type { Answer } from './answer.js';
import type { AskedRequest } from './asked-request.js';
import type { DecisionTrace } from './decision-trace.js';
import { isForbidden } from './decision-trace.js';
import { PermissionCheck, uncheckedPermissions } from './permission-check.js';
import type { RecordedSecrets } from './recorded-secrets.js';

export interface Question {
  /** In the order of the volume. */
  readonly connectors: readonly ConnectorRef[];
  /** Undefined: permissions are not checked. */
  readonly client: ClientIdentity | undefined;
  readonly request: AskedRequest;
  /** Whether the credential must be usable. */
  readonly needsCredential: boolean;
}

export interface RequestCheckerOptions {
  readonly sources: DecisionSources;
  readonly config: ProxyConfig;
  /** Whether the sources are read by another user than the proxy's, who may lack permissions that it has. */
  readonly isOtherUser: boolean;
}

/** A request that passes: it is sent, it goes through a passthrough tunnel, or the proxy responds itself. */
export type Passed = Route | { readonly tunnelTo: ToolOrigin } | 'registry-root';

/** The parts of the router for one request. They record what they decide, and continue after a rejection. */
export class RouteParts {
  readonly #options: RequestCheckerOptions;
  readonly #tools: ToolAccess;
  readonly #secrets: RecordedSecrets;
  readonly #trace: DecisionTrace;
  readonly #question: Question;
  #connector: Connector | undefined;
  #address: ToolAddress | undefined;
  #credential: Answer['credential'] = null;

  constructor(
    options: RequestCheckerOptions,
    tools: ToolAccess,
    secrets: RecordedSecrets,
    trace: DecisionTrace,
    question: Question,
  ) {
    this.#options = options;
    this.#tools = tools;
    this.#secrets = secrets;
    this.#trace = trace;
    this.#question = question;
  }

  router(): Router {
    const { sources, config } = this.#options;
    const { own, trustStores } = this.#tools;
    return new Router({
      authorizer:
        this.#question.client === undefined
          ? uncheckedPermissions(this.#trace)
          : new PermissionCheck(sources, this.#trace),
      connectors: sources.connectors,
      rules: this.#rules(),
      credentials: this.#credentials(),
      trust: this.#trust(),
      trustStores,
      unmatchedHosts: config['unmatched-hosts'],
      via: new Via(() => undefined),
      isOwnName: (host) => own.isOwnName(host),
    });
  }

  answer(passed: Passed | undefined): Answer {
    const trace = this.#trace;
    const { response } = trace;
    this.#addConnector(passed);
    const destination = response === undefined && passed !== undefined ? this.#destination(passed) : null;
    const { ref } = this.#connector ?? {};
    return {
      passes: response === undefined,
      response:
        response === undefined ? null : { status: response.status, reason: response.kind, message: response.message },
      connector: ref === undefined ? null : textOf(ref),
      verb: trace.verb ?? null,
      decision: trace.decision ?? null,
      rule: trace.rule ?? null,
      credential: this.#credential,
      destination,
      steps: trace.steps,
    };
  }

  #rules(): RouterOptions['rules'] {
    const enforcer = new RuleEnforcer({ ruled: () => undefined }, () => 0);
    const trace = this.#trace;
    return {
      permitsRead: (found, pathname) => enforcer.permitsRead(found, pathname),
      enforce: (found, ruled, entry) => {
        this.#connector = found.connector;
        try {
          enforcer.enforce(found, ruled, entry);
          const sets = rulesOf(found.connector, found.connectorClass);
          const { outcome, rule, reason } = decide(sets, ruled);
          const limits = clientLimitsProblem(found.connector, found.connectorClass);
          if (limits !== undefined)
            trace.add('rules', 'warn', `${limits}; until then each pod has the smallest limits`);
          else if (sets.length === 0) trace.add('rules', 'ok', 'neither the Connector nor its class has rules');
          else if (outcome === 'audit') trace.add('rules', 'warn', `${rule ?? ''} only audits: ${reason ?? ''}`);
          else trace.add('rules', 'ok', rule === undefined ? 'no rule denies it' : `allowed by ${rule}`);
        } catch (error) {
          trace.reject('rules', error, (message) => `${message} (decided by ${trace.rule ?? ''})`);
        }
      },
    };
  }

  #trust(): RouterOptions['trust'] {
    return {
      of: async (connector, signal) => {
        try {
          return await this.#tools.trust.of(connector, signal);
        } catch (error) {
          if (this.#cannotRead(error)) return this.#tools.trustStores.getOrCreate([]);
          this.#trace.reject('destination', error);
          throw error;
        }
      },
    };
  }

  #credentials(): RouterOptions['credentials'] {
    const trace = this.#trace;
    return {
      of: async (connector, connectorClass, address, signal) => {
        this.#address = address;
        if (!this.#question.needsCredential) return noCredential;
        let credential = noCredential;
        const read = await this.#secrets.during(async () => {
          try {
            credential = await this.#tools.credentials.of(connector, connectorClass, address, signal);
            await credential.check?.(signal);
          } catch (error) {
            if (this.#cannotRead(error)) {
              const fix = 'check it in the container of the proxy, or with another kubeconfig';
              trace.add('credential', 'warn', `not checked, as this user cannot read the Secret: ${fix}`);
            } else trace.reject('credential', error);
          }
        });
        this.#credential = read ?? null;
        const named = read === undefined ? 'none: spec.auth.secretRef is not set' : `Secret ${read.secret}`;
        trace.add('credential', 'ok', read?.type == null ? named : `${named} of type ${read.type}`);
        return credential;
      },
    };
  }

  /** Reports whether a failure says nothing about the proxy, which has other permissions. */
  #cannotRead(error: unknown): boolean {
    return this.#options.isOtherUser && isForbidden(error);
  }

  #addConnector(passed: Passed | undefined): void {
    const trace = this.#trace;
    const { atHost } = trace;
    if (passed === 'registry-root') trace.add('connector', 'ok', 'none: the proxy responds itself, as a registry does');
    else if (this.#connector !== undefined) {
      const at = this.#address === undefined ? '' : ` by its address ${nameOf(this.#address)}${this.#address.path}`;
      const others = atHost.length > 1 ? `, the nearest of ${atHost.map(textOf).join(', ')}` : '';
      trace.add('connector', 'ok', `${textOf(this.#connector.ref)}${at}${others}`);
    } else if (passed !== undefined) {
      const part = atHost.length === 0 ? 'host' : 'path';
      const names = this.#question.connectors.map(textOf).join(', ');
      trace.add('connector', 'warn', `the ${part} belongs to none of ${names}: no credential is sent, no rule applies`);
    }
  }

  #destination(passed: Passed): Answer['destination'] {
    const trace = this.#trace;
    if (passed === 'registry-root') return null;
    if ('tunnelTo' in passed) {
      const { scheme, host, port } = passed.tunnelTo;
      trace.add('destination', 'ok', `a passthrough tunnel to ${authorityWithPort(passed.tunnelTo)}`);
      return { scheme, host, port, path: null };
    }
    const { origin, path } = passed.outgoing;
    const { scheme, host, port } = origin;
    const pathname = pathnameOf(path);
    trace.add('destination', 'ok', `${scheme}://${authorityWithPort(origin)}${pathname}`);
    return { scheme, host, port, path: pathname };
  }
}

export function authorityWithPort({ host, port }: ToolOrigin): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}
