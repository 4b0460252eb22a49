import { ProxyError } from '../proxy-error.js';
import { endToEnd } from '../tool/headers.js';
import type { CredentialUse, ToolCredential } from '../tool/tool-credential.js';
import type { HttpProbe } from './http-probe.js';
import { templatesOf } from './probe-request.js';
import type { ProbeRequest } from './probe-request.js';

/** A credential that cannot be made for the probe, so the tool was not asked. */
export class UnusableCredential extends ProxyError {}

/**
 * Reports whether a probe gets the credential as requests do: a requested token, which its templates cannot know, and a
 * generated credential, unless its templates send the Secret themselves.
 */
export function isAuthenticated(probe: HttpProbe, credential: ToolCredential): boolean {
  const isGenerated = credential.isGenerated === true;
  return credential.obtain !== undefined || (isGenerated && !templatesOf(probe).some(([, text]) => readsSecret(text)));
}

function readsSecret(template: string): boolean {
  return template.split('{{').some((part, at) => at > 0 && /[."`]Secret\b/.test(part.split('}}', 1)[0] ?? ''));
}

/**
 * Returns the request with the credential for it.
 * @throws {UnusableCredential} if a generator makes none.
 */
export async function authenticated(
  request: ProbeRequest,
  credential: ToolCredential,
  signal: AbortSignal,
): Promise<ProbeRequest> {
  const added = await headersFor(request, credential, signal);
  const { path, headers } = request;
  return {
    ...request,
    path: credential.pathWithParameters?.(path) ?? path,
    headers: [...endToEnd(headers, credential.replaces), ...added],
  };
}

async function headersFor(
  request: ProbeRequest,
  credential: ToolCredential,
  signal: AbortSignal,
): ReturnType<ToolCredential['headersFor']> {
  try {
    return await credential.headersFor(useOf(request), signal);
  } catch (error) {
    const isUnusable = credential.isGenerated === true && error instanceof ProxyError && error.kind !== 'overload';
    throw isUnusable ? new UnusableCredential(error.status, error.kind, error.message) : error;
  }
}

export function useOf({ method, path }: ProbeRequest): CredentialUse {
  return { method, path, isUnrepeatable: false };
}
