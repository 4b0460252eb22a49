import { CodedError } from '../../shared/errors.ts';
import type { SecretObject } from '../secrets/secret-source.ts';
import { isIdentityProblem, Misconfiguration, ProxyError } from '../proxy-error.ts';
import type { IdentityProblem } from '../proxy-error.ts';
import { nameOf } from '../tool/tool-origin.ts';
import type { HttpProbe, ProbeRequest } from './probe-request.ts';
import { UnusableCredential } from './probe-exchange.ts';
import type { ProbeResponse } from './probe-exchange.ts';
import { objectKey } from '../../shared/names.ts';

/** The result of a probe. The message is one line for the owner of the Connector and contains no secret. */
export interface ProbeVerdict {
  readonly verdict: 'success' | 'failure' | 'unknown';
  readonly reason:
    | 'Answered'
    | 'Accepted'
    | 'Rejected'
    | 'Unusable'
    | 'Unreachable'
    | 'NotChecked'
    | 'UnexpectedAnswer'
    | 'ProbeUnusable'
    | 'NonAuthProbe'
    | IdentityProblem;
  readonly message: string;
}

/** @param isMet result of the expression; undefined if there is none. */
export type VerdictOf = (
  response: ProbeResponse,
  isMet: boolean | 'undecided' | undefined,
  probe: HttpProbe | undefined,
  secret: SecretObject | undefined,
  request: ProbeRequest,
) => ProbeVerdict;

export const livenessVerdict: VerdictOf = ({ status }, isMet, probe, _secret, { origin, method }) => {
  const isGood = isMet ?? (status >= 200 && status < 400);
  if (isGood === true) return { verdict: 'success', reason: 'Answered', message: '' };
  const doubt = isMet === undefined ? 'not what a tool that is well answers' : celDoubt(isMet, probe);
  const answered = `${nameOf(origin)} answered ${status} to ${method}`;
  return { verdict: 'failure', reason: 'UnexpectedAnswer', message: `${answered}: ${doubt}` };
};

export const authVerdict: VerdictOf = ({ status }, isMet, probe, secret, { origin, method }) => {
  const isGood = isMet ?? (status >= 200 && status < 300);
  if (isGood === true) return { verdict: 'success', reason: 'Accepted', message: '' };
  const answered = `${nameOf(origin)} answered ${status}`;
  const isRejection = status === 401 || status === 403;
  const isToolFailure = status === 429 || status >= 500;
  if (isRejection || (isMet === false && !isToolFailure)) {
    const name = secret === undefined ? '' : ` ${objectKey(secret.ref)}`;
    const message = `${answered} to the credential in Secret${name}: see whether it is right, still valid, and may do what it is for`;
    return { verdict: 'failure', reason: 'Rejected', message };
  }
  const doubt = isMet === undefined || isToolFailure ? 'so nothing is known of the credential' : celDoubt(isMet, probe);
  const message = `${answered} to ${method}, ${doubt}`;
  return { verdict: 'unknown', reason: 'UnexpectedAnswer', message };
};

function celDoubt(isMet: boolean | 'undecided', probe: HttpProbe | undefined): string {
  const source = `${probe?.source ?? ''}.response.cel`;
  return isMet === 'undecided' ? `${source} cannot be decided by that` : `${source} is false`;
}

export function unusable(message: string): CodedError {
  return new CodedError('FAILED_PRECONDITION', message);
}

/** Converts failures to verdicts, except for an aborted signal. */
export async function toVerdict(
  signal: AbortSignal,
  probe: () => Promise<ProbeVerdict | undefined>,
): Promise<ProbeVerdict | undefined> {
  try {
    return await probe();
  } catch (error) {
    if (signal.aborted) throw error;
    if (error instanceof UnusableCredential) {
      return { verdict: 'failure', reason: 'Unusable', message: error.message };
    }
    if (error instanceof Misconfiguration && isIdentityProblem(error.reason)) {
      return { verdict: 'failure', reason: error.reason, message: error.message };
    }
    if (error instanceof ProxyError) {
      if (error.isOverload) {
        const message = `the proxy has no capacity for this check: ${error.message}`;
        return { verdict: 'unknown', reason: 'NotChecked', message };
      }
      const isCredential = error.kind === 'misconfigured';
      return {
        verdict: isCredential ? 'failure' : 'unknown',
        reason: isCredential ? 'Rejected' : 'Unreachable',
        message: error.message,
      };
    }
    if (error instanceof CodedError && error.code === 'FAILED_PRECONDITION') {
      return { verdict: 'unknown', reason: 'ProbeUnusable', message: error.message };
    }
    throw error;
  }
}
