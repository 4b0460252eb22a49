import { DriverError } from '../errors.js';
import type { JsonObject } from '../json.js';
import { metadataText } from '../kube/kube-object.js';
import type { AccessDecision } from './access-control.js';
import { accessRequestName, isAbout } from './access-request.js';
import type { ApprovalCase } from './access-request.js';
import { approvalStateOf } from './approval-state.js';
import type { ApprovalState } from './approval-state.js';
import type { ProxyNeed } from './permission.js';
import { rejectionDecision } from './rejection.js';

/** `gone`: deleted while it was waited for; `foreign`: the name is taken by a request about something else. */
type ApplicationState =
  ApprovalState | { readonly kind: 'gone' | 'foreign' } | { readonly kind: 'failed'; readonly error: unknown };

/** One connector's way through approval, as far as it has come in this call. */
export class Application {
  readonly need: ProxyNeed;
  readonly about: ApprovalCase;
  /** Of the AccessRequest. */
  #name: string;
  #state: ApplicationState = { kind: 'pending' };

  constructor(need: ProxyNeed, about: ApprovalCase) {
    this.need = need;
    this.about = about;
    this.#name = accessRequestName(about);
  }

  get name(): string {
    return this.#name;
  }

  get state(): ApplicationState {
    return this.#state;
  }

  /** @param request undefined: it has been there and is no more. */
  see(request: JsonObject | undefined): void {
    this.#name = (request && metadataText(request, 'name')) ?? this.#name;
    if (request === undefined) this.#state = { kind: 'gone' };
    else this.#state = isAbout(this.about, request) ? approvalStateOf(request) : { kind: 'foreign' };
  }

  /** It cannot be watched. */
  fail(error: unknown): void {
    this.#state = { kind: 'failed', error };
  }
}

/**
 * What the applications of one volume come to: rejected as soon as one is, allowed when all are granted, pending when
 * one must be made anew, undefined while one is undecided.
 * @throws {DriverError} for the first in mount order that cannot be granted any more, unless one is rejected.
 */
export function decisionOf(applications: readonly Application[]): AccessDecision | undefined {
  const rejections = applications.flatMap(({ state, about, name }) =>
    state.kind === 'rejected' ? [{ about, name, checks: state.checks }] : [],
  );
  if (rejections.length > 0) return rejectionDecision(rejections);
  for (const application of applications) throwIfHopeless(application);
  const lost = applications.find(({ state }) => state.kind === 'gone' || state.kind === 'leaving');
  if (lost !== undefined) {
    const message = `${requestText(lost)} for ${connectorText(lost)} is being deleted; it will be made again`;
    return { kind: 'pending', message };
  }
  return applications.every(({ state }) => state.kind === 'granted') ? { kind: 'allowed' } : undefined;
}

/** For a wait that is over. */
export function undecided(applications: readonly Application[]): Extract<AccessDecision, { kind: 'pending' }> {
  const waiting = applications.filter(({ state }) => state.kind === 'pending');
  const names = waiting.map(({ name }) => name).join(', ');
  const places = waiting.map(({ about: { connector } }) => `${connector.namespace}/${connector.name}`).join(', ');
  const what = waiting.length === 1 ? 'AccessRequest for connector' : 'AccessRequests for connectors';
  return { kind: 'pending', message: `waiting for approval ${names} (${what} ${places})` };
}

function connectorText({ about: { connector } }: Application): string {
  return `connector ${connector.namespace}/${connector.name}`;
}

function requestText({ about: { connector }, name }: Application): string {
  return `AccessRequest ${connector.namespace}/${name}`;
}

function throwIfHopeless(application: Application): void {
  const { state } = application;
  const connector = connectorText(application);
  const request = requestText(application);
  const because = 'message' in state && state.message !== '' ? `: ${state.message}` : '';
  switch (state.kind) {
    case 'over':
      throw new DriverError(
        'FAILED_PRECONDITION',
        `the approval of this pod for ${connector} is over (${request})${because}; start a new pod to ask again`,
        { isRefusal: true },
      );
    case 'unmatched':
      throw new DriverError(
        'PERMISSION_DENIED',
        `no approval policy covers ${connector} (${request})${because}; have one made, or the account allowed to use its proxy`,
        { isRefusal: true },
      );
    case 'foreign':
      throw new DriverError(
        'FAILED_PRECONDITION',
        `${request} is not about this pod and ${connector} although its name says so; delete it`,
      );
    case 'failed':
      throw state.error;
    default:
  }
}
